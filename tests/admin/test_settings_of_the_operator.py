import pytest
from django.contrib.auth.models import Group

from requests_app.audit import kinds
from requests_app.audit.models import Entry
from requests_app.errors import Conflict, Invalid, NotFound, Refused
from requests_app.identity.institutions import judge
from requests_app.identity.models import InstitutionDomain
from requests_app.identity.roles import change_roles
from requests_app.identity.rulings import rule
from requests_app.requests.maintainers import set_maintainers
from requests_app.requests.permissions import APPROVERS, REVIEWERS
from tests.admin.places import at
from tests.factories.requests import DatasetFactory, UserFactory, approver, staff, superuser

pytestmark = pytest.mark.django_db
ROLES = {"groups": [], "is_active": True, "is_staff": False, "is_superuser": False}


def group_ids(*names):
    return list(Group.objects.filter(name__in=names).values_list("pk", flat=True))


def test_a_superuser_gives_roles_and_the_log_keeps_before_and_after(enter):
    boss, user = superuser(), UserFactory(email="ann@reef.example")
    response = enter(boss).post(
        at("user_change", user.pk),
        {"is_active": "on", "is_staff": "on", "groups": group_ids(APPROVERS), "email": "x@y.zz"},
    )
    assert response.status_code == 302
    user.refresh_from_db()
    assert user.email == "ann@reef.example"
    assert (user.is_staff, user.is_superuser) == (True, False)
    assert [group.name for group in user.groups.all()] == [APPROVERS]
    entry = Entry.objects.get(kind=kinds.ROLES_CHANGED)
    assert (entry.actor, entry.subject) == (boss.audit_ref, user.audit_ref)
    assert entry.details == {
        "before": ["is_active"],
        "after": ["is_active", "is_staff", APPROVERS],
    }


def test_saving_without_a_change_writes_no_entry(enter):
    boss, user = superuser(), UserFactory()
    enter(boss).post(at("user_change", user.pk), {"is_active": "on"})
    assert not Entry.objects.filter(kind=kinds.ROLES_CHANGED).exists()


def test_a_superuser_cannot_shut_themselves_out(enter):
    boss = superuser()
    response = enter(boss).post(at("user_change", boss.pk), {"is_active": "on", "is_staff": "on"})
    assert response.status_code == 200
    assert "cannot shut yourself out" in response.text
    boss.refresh_from_db()
    assert boss.is_superuser
    with pytest.raises(Conflict):
        change_roles(user_id=boss.pk, by=boss, **ROLES)


def test_only_superusers_change_roles():
    user = UserFactory()
    for by in (approver(), staff(), superuser(is_active=False)):
        with pytest.raises(Refused):
            change_roles(user_id=user.pk, by=by, **ROLES)
    with pytest.raises(NotFound):
        change_roles(user_id=0, by=superuser(), **ROLES)


def test_a_superuser_appoints_maintainers(enter):
    boss, dataset = superuser(), DatasetFactory()
    old, new = approver(dataset), staff(REVIEWERS)
    enter(boss).post(at("dataset_change", dataset.pk), {"maintainers": [new.pk], "title": "Mine"})
    dataset.refresh_from_db()
    assert dataset.title != "Mine"
    assert list(dataset.maintainers.all()) == [new]
    entry = Entry.objects.get(kind=kinds.MAINTAINERS_CHANGED)
    assert entry.details == {"added": [new.audit_ref], "removed": [old.audit_ref]}


def test_maintainers_are_staff_and_only_superusers_appoint_them(enter):
    dataset, visitor = DatasetFactory(), UserFactory()
    response = enter(superuser()).post(
        at("dataset_change", dataset.pk), {"maintainers": [visitor.pk]}
    )
    assert response.status_code == 200
    with pytest.raises(Invalid):
        set_maintainers(dataset_id=dataset.pk, user_ids=[visitor.pk], by=superuser())
    with pytest.raises(Refused):
        set_maintainers(dataset_id=dataset.pk, user_ids=[], by=approver(dataset))
    with pytest.raises(NotFound):
        set_maintainers(dataset_id=0, user_ids=[], by=superuser())
    assert not Entry.objects.filter(kind=kinds.MAINTAINERS_CHANGED).exists()


def test_appointing_the_same_people_writes_no_entry():
    dataset = DatasetFactory()
    one = approver(dataset)
    set_maintainers(dataset_id=dataset.pk, user_ids=[one.pk], by=superuser())
    assert not Entry.objects.filter(kind=kinds.MAINTAINERS_CHANGED).exists()


def test_the_operators_word_on_a_domain_counts_at_once_and_is_kept(enter):
    boss = superuser()
    client = enter(boss)
    url = at("institutiondomain_add")
    typed = {"domain": "@Reef.Example.", "name": "Reef Institute", "standing": "allow"}
    assert client.post(url, typed).status_code == 302
    row = InstitutionDomain.objects.get()
    assert (row.domain, row.standing, row.source) == ("reef.example", "allow", boss.audit_ref)
    assert judge("ann@lab.reef.example").accepted
    client.post(at("institutiondomain_change", row.pk), {"name": "Reef", "standing": "deny"})
    assert not judge("ann@lab.reef.example").accepted
    ruled = Entry.objects.filter(kind=kinds.INSTITUTION_RULED).order_by("pk")
    assert [entry.details["standing"] for entry in ruled] == ["allow", "deny"]
    assert ruled[1].details["previous"] == "allow"


@pytest.mark.parametrize("domain", ["", "no domain", "edu", "co.uk", "192.0.2.1"])
def test_what_is_no_domain_of_somebody_is_refused_with_a_sentence(enter, domain):
    response = enter(superuser()).post(
        at("institutiondomain_add"), {"domain": domain, "name": "N", "standing": "deny"}
    )
    assert response.status_code == 200
    assert "errorlist" in response.text
    assert not InstitutionDomain.objects.exists()


def test_a_second_row_for_a_domain_is_refused(enter):
    InstitutionDomain.objects.create(domain="reef.example", standing="allow", source="x")
    response = enter(superuser()).post(
        at("institutiondomain_add"), {"domain": "REEF.example", "name": "N", "standing": "deny"}
    )
    assert "already exists" in response.text
    assert InstitutionDomain.objects.get().standing == "allow"


def test_rulings_are_for_superusers_and_say_allow_or_deny():
    with pytest.raises(Refused):
        rule(domain="reef.example", standing="allow", name="", by=approver())
    with pytest.raises(Invalid) as raised:
        rule(domain="reef.example", standing="listed", name="", by=superuser())
    assert list(raised.value.fields) == ["standing"]
