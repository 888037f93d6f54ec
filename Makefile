# Every command of the project. Each prepares what it needs, so none has to be typed first.
#   PORT=8001 make run          another port          make test ARGS=tests/web  some tests
#   CMED_HOST=0.0.0.0 make run  for other machines    make bench ONLY=name      one benchmark

PYTHON ?= python3
PREPARE = $(PYTHON) cmed_portal/embedded/bootstrap.py
.DEFAULT_GOAL := help

# The production settings that `check --deploy` looks at: made up, complete, and never used to serve.
PRODUCTION = CMED_SHAPE=production CMED_BASE_URL=https://portal.example \
  CMED_SECRET_KEY=$$(.venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(64))') \
  CMED_DATABASE_URL=postgres://portal@database.example/portal \
  CMED_REDIS_URL=redis://redis.example:6379 CMED_EMAIL_HOST=mail.example \
  CMED_SEAL_KEY_FILE=/run/secrets/seal_key \
  CMED_LOG_KEY_FILE=/run/secrets/log_key

.PHONY: help run test cover roles e2e demo check bench format clean

help:
	@echo 'make run     start the portal with the demo data     make check   format, lint, types, imports, ...'
	@echo 'make test    all tests but those in a browser        make cover   they, and what they reach'
	@echo 'make e2e     the tests in a real browser             make demo    the main job once, over HTTP'
	@echo 'make roles   pages as production has rights          make bench   benchmarks'
	@echo 'make format  put the code in its form                make clean   remove var/, after asking'

run:
	@export CMED_PORT="$${PORT:-$${CMED_PORT:-8000}}" && exec $(PREPARE) -- -m cmed_portal.embedded

# Once on SQLite, and once more on PostgreSQL what depends on the database: guards, locks, queries.
# Measuring what the tests reach makes them take nearly twice as long, so `cover` alone does.
TEST = -m pytest -n 2 --dist loadfile --no-loadscope-reorder
ROOMS = audit notifications identity requests agreements distribution review lifecycle

test:
	@$(PREPARE) --dev -- $(TEST) -p tests.on_postgres -q -m 'not browser' $(ROOMS:%=tests/%)
	@$(PREPARE) --dev -- $(TEST) $(MEASURE) -m 'not browser' $(ARGS)

# The pages, the admin and the commands on PostgreSQL, where requests have no right but the web's.
roles:
	@$(PREPARE) --dev -- $(TEST) -p tests.on_postgres -p tests.as_roles -q -m 'not browser and not processes' \
	  tests/web tests/admin tests/management tests/datasets tests/test_*.py

cover:
	@$(MAKE) --no-print-directory test MEASURE=--cov

e2e:
	@$(PREPARE) --dev --browser -- -m pytest -m browser $(ARGS)

demo:
	@exec $(PREPARE) --dev -- tests/e2e/demo.py $(ARGS)

check:
	@$(PREPARE) --dev
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m ruff check .
	.venv/bin/python -m mypy
	.venv/bin/lint-imports
	CMED_SECRET_KEY=unused CMED_DATABASE_URL=sqlite://:memory: \
	  .venv/bin/python manage.py makemigrations --check --dry-run
	$(PRODUCTION) .venv/bin/python manage.py check --deploy --fail-level WARNING
	.venv/bin/python -m djlint templates --lint --quiet

bench:
	@test -d bench || { echo 'There is nothing to measure yet.'; exit 1; }
	@$(PREPARE) --dev -- -m bench $(ONLY)

format:
	@$(PREPARE) --dev
	.venv/bin/python -m ruff format .
	.venv/bin/python -m ruff check --fix .

clean:
	@$(PYTHON) cmed_portal/embedded/clean.py
