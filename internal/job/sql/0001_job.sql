CREATE TABLE job (
	id           TEXT NOT NULL PRIMARY KEY,
	kind         TEXT NOT NULL,
	unique_key   TEXT NOT NULL,
	payload      TEXT NOT NULL,
	state        TEXT NOT NULL,
	attempt      BIGINT NOT NULL,
	max_attempts BIGINT NOT NULL,
	run_at       BIGINT NOT NULL,
	lease_owner  TEXT NOT NULL,
	lease_until  BIGINT NOT NULL,
	cancel       BOOLEAN NOT NULL,
	done         BIGINT NOT NULL,
	total        BIGINT NOT NULL,
	note_en      TEXT NOT NULL,
	note_ja      TEXT NOT NULL,
	error_en     TEXT NOT NULL,
	error_ja     TEXT NOT NULL,
	created      BIGINT NOT NULL,
	started      BIGINT NOT NULL,
	finished     BIGINT NOT NULL
);
CREATE UNIQUE INDEX job_unique ON job (kind, unique_key) WHERE unique_key <> '' AND state IN ('waiting', 'running');
CREATE INDEX job_due ON job (run_at) WHERE state = 'waiting';
CREATE INDEX job_leased ON job (lease_until) WHERE state = 'running';
CREATE INDEX job_created ON job (created);

CREATE TABLE job_lease (
	name        TEXT NOT NULL PRIMARY KEY,
	lease_owner TEXT NOT NULL,
	lease_until BIGINT NOT NULL
);

CREATE TABLE job_schedule (
	name TEXT NOT NULL PRIMARY KEY,
	next BIGINT NOT NULL
);
