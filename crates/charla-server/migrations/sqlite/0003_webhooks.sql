-- What the application is told over HTTP. `webhook_outbox` holds what waits, one row for each endpoint, and what was given
-- up (`dead_at`). The rows of one endpoint and lane go out one after the other, by `id`; a lane is a chat, or one connection.
-- `due_at` is moved ahead while somebody sends the row (`held`): who dies meanwhile leaves it to others.

CREATE TABLE webhook_endpoints (
  id         TEXT    NOT NULL PRIMARY KEY,
  tenant     TEXT    NOT NULL REFERENCES tenants (id),
  url        TEXT    NOT NULL,
  events     TEXT    NOT NULL,
  secret     TEXT    NOT NULL,
  old_secret TEXT,
  old_until  INTEGER,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Also those that stand in a file: the file does not know that its endpoint is gone.
CREATE TABLE webhook_disabled (
  endpoint TEXT    NOT NULL PRIMARY KEY,
  at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_outbox (
  id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  tenant      TEXT    NOT NULL,
  endpoint    TEXT    NOT NULL,
  lane        TEXT    NOT NULL,
  event       TEXT    NOT NULL,
  webhook_id  TEXT    NOT NULL,
  body        TEXT    NOT NULL,
  created_at  INTEGER NOT NULL,
  due_at      INTEGER NOT NULL DEFAULT 0,
  held        INTEGER NOT NULL DEFAULT 0,
  attempts    INTEGER NOT NULL DEFAULT 0,
  last_answer TEXT,
  dead_at     INTEGER
) STRICT;
CREATE INDEX webhook_outbox_lanes ON webhook_outbox (endpoint, lane, id) WHERE dead_at IS NULL;
CREATE INDEX webhook_outbox_waiting ON webhook_outbox (tenant, endpoint, created_at) WHERE dead_at IS NULL;
CREATE INDEX webhook_outbox_dead ON webhook_outbox (tenant, id) WHERE dead_at IS NOT NULL;
