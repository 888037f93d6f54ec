-- Who may do what in the database (PostgreSQL 15 and newer). Run with psql, as the owner that
-- migrates, after every migration; running it again changes nothing:
--
--   PORTAL_WEB_PASSWORD=... PORTAL_WORKER_PASSWORD=... psql "$OWNER_URL" --set ON_ERROR_STOP=1 \
--     --single-transaction --file roles.sql
--
-- `portal_web` serves pages, `portal_worker` does everything else. Neither owns anything, so neither
-- can alter or hide a table, disable or drop a trigger, or truncate. What a trigger refuses (the log,
-- its checkpoints, all evidence) they have no right to try: found by the triggers, so never out of
-- date.

DO $$
DECLARE
    someone text;
    found record;
BEGIN
    FOREACH someone IN ARRAY ARRAY['portal_web', 'portal_worker'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I LOGIN', someone);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %I', someone);
        EXECUTE format('REVOKE ALL ON SCHEMA public FROM %I', someone);
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', someone);
        EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO %I', someone);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO %I', someone);

        -- What the portal's triggers guard. Their types are bits: 1 each row, 8 DELETE, 16 UPDATE.
        FOR found IN
            SELECT DISTINCT tgrelid::regclass AS guarded FROM pg_trigger
            WHERE tgfoid = 'public.portal_append_only()'::regprocedure AND tgtype & 16 <> 0
        LOOP
            EXECUTE format('REVOKE UPDATE ON %s FROM %I', found.guarded, someone);
        END LOOP;
    END LOOP;

    -- A temporary table hides the one of its name for as long as the connection lives: entries of
    -- everybody it serves would go there.
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END $$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- What only migrations write.
REVOKE INSERT, UPDATE ON
    django_migrations, django_content_type, auth_permission, auth_group, auth_group_permissions
    FROM portal_web, portal_worker;

-- Deleting is the exception. People whom an applicant names no more, addresses, roles, sessions:
GRANT DELETE ON
    requests_app_namedperson, requests_app_dataset_maintainers, requests_app_user_groups,
    account_emailaddress, account_emailconfirmation, django_session
    TO portal_web;

-- Erasing a person, or what is too old: personal values beside the log, mail that was sent. And an
-- entry that has got its place waits no more.
GRANT DELETE ON
    requests_app_namedperson, requests_app_user_groups, requests_app_user_user_permissions,
    account_emailaddress, account_emailconfirmation,
    requests_app_personalvalue, requests_app_message, requests_app_unsequenced
    TO portal_worker;
REVOKE UPDATE ON requests_app_unsequenced FROM portal_web, portal_worker;

-- Sessions of a person who is erased, and sessions that are over.
GRANT DELETE ON django_session TO portal_worker;

-- What people wrote goes when its time is over. The triggers of these tables let the columns be
-- emptied, and refuse any other change (`MAY_BE_EMPTIED` in audit/guard.py).
GRANT UPDATE (reason, private_note) ON requests_app_decision TO portal_worker;
GRANT UPDATE (reason) ON requests_app_signatoryexit, requests_app_memberremoval TO portal_worker;

-- Places, nodes and checkpoints are the sealer's, and where checkpoints are posted is the worker's.
REVOKE INSERT, UPDATE ON
    requests_app_leaf, requests_app_treenode, requests_app_signedcheckpoint,
    requests_app_witnesssignature, requests_app_checkpointpost
    FROM portal_web;

-- So is all that is made with the seal's key: who is in the web makes no key of theirs one of ours.
REVOKE INSERT ON
    requests_app_sealcertificate, requests_app_sealrevocation, requests_app_agreementdocument,
    requests_app_issueddocument, requests_app_manifestsignature
    FROM portal_web;

\getenv web PORTAL_WEB_PASSWORD
\if :{?web}
ALTER ROLE portal_web PASSWORD :'web';
\endif
\getenv worker PORTAL_WORKER_PASSWORD
\if :{?worker}
ALTER ROLE portal_worker PASSWORD :'worker';
\endif
