-- The store's own tables. The engines differ in how a number is counted up.

CREATE TABLE outbox (
	seq   INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order of the commits
	id    TEXT NOT NULL UNIQUE,
	topic TEXT NOT NULL,
	lane  TEXT NOT NULL, -- the member whose doing it is; '' is the hub itself
	body  BLOB NOT NULL,
	at    BIGINT NOT NULL
);
CREATE INDEX outbox_lane ON outbox (lane, seq);
CREATE INDEX outbox_at ON outbox (at);

-- Which topics a consumer reads.
CREATE TABLE outbox_consumer (
	consumer TEXT NOT NULL,
	topic    TEXT NOT NULL,
	PRIMARY KEY (consumer, topic)
) WITHOUT ROWID;

-- How far a consumer is: it has handled all of the lane up to seq.
CREATE TABLE outbox_cursor (
	consumer TEXT NOT NULL,
	lane     TEXT NOT NULL,
	seq      BIGINT NOT NULL,
	PRIMARY KEY (consumer, lane)
) WITHOUT ROWID;

-- What a consumer could not handle.
CREATE TABLE outbox_aside (
	consumer TEXT NOT NULL,
	seq      BIGINT NOT NULL,
	id       TEXT NOT NULL,
	topic    TEXT NOT NULL,
	lane     TEXT NOT NULL,
	body     BLOB NOT NULL,
	at       BIGINT NOT NULL,
	failed   BIGINT NOT NULL, -- when it was tried last
	tries    BIGINT NOT NULL, -- how often it was set aside
	asked    BIGINT NOT NULL, -- when somebody asked to try it again; 0: nobody has
	kind     TEXT NOT NULL, -- of the fault
	reason   TEXT NOT NULL, -- for people: a reason.Reason
	error    TEXT NOT NULL, -- the whole chain, as in the log
	PRIMARY KEY (consumer, seq)
);
CREATE INDEX outbox_aside_failed ON outbox_aside (failed);
CREATE INDEX outbox_aside_asked ON outbox_aside (consumer, seq) WHERE asked > 0;

CREATE TABLE setting (
	key   TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL,
	at    BIGINT NOT NULL
);
