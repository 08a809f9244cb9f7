-- For SQLite and PostgreSQL alike. Times are milliseconds since 1970; ids are UUIDs of version 7, which sort by time.

CREATE TABLE reports (
    id TEXT NOT NULL PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    -- open, dismissed or banned.
    state TEXT NOT NULL,
    -- The room, or the match.
    place TEXT NOT NULL,
    reason TEXT NOT NULL,
    words TEXT NOT NULL,
    reporter_identity TEXT NOT NULL,
    reporter_address TEXT,
    reporter_name TEXT NOT NULL,
    reported_identity TEXT NOT NULL,
    reported_address TEXT,
    reported_name TEXT NOT NULL,
    resolved_at_ms BIGINT,
    resolved_by TEXT,
    note TEXT
);
CREATE INDEX reports_by_state ON reports (state, id);
CREATE INDEX reports_by_reporter ON reports (reporter_identity);
CREATE INDEX reports_by_reported ON reports (reported_identity);
CREATE INDEX reports_by_resolution ON reports (resolved_at_ms);

CREATE TABLE bans (
    id TEXT NOT NULL PRIMARY KEY,
    -- identity or address; an address is a network.
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT NOT NULL,
    since_ms BIGINT NOT NULL,
    -- For ever, if it is not there.
    until_ms BIGINT,
    moderator TEXT NOT NULL,
    -- The report that led to it.
    report TEXT,
    UNIQUE (kind, subject)
);
CREATE INDEX bans_by_end ON bans (until_ms);

CREATE TABLE blocks (
    blocker TEXT NOT NULL,
    blocked TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (blocker, blocked)
);
CREATE INDEX blocks_by_blocked ON blocks (blocked);
CREATE INDEX blocks_by_time ON blocks (at_ms);

CREATE TABLE audit (
    id TEXT NOT NULL PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    moderator TEXT NOT NULL,
    action TEXT NOT NULL,
    -- What was changed: a report's or a ban's id.
    target TEXT,
    -- Whose identity it is about.
    person TEXT,
    -- JSON.
    was TEXT,
    became TEXT
);
CREATE INDEX audit_by_time ON audit (at_ms);
CREATE INDEX audit_by_person ON audit (person);
