-- The first schema. Times are milliseconds since 1970 UTC; ids and words are UTF-8 text.
-- A row that is read by tenant carries the tenant in its key, so that no query can leave it out.

CREATE TABLE tenants (
  id                TEXT    NOT NULL PRIMARY KEY,
  name              TEXT    NOT NULL,
  created_at        INTEGER NOT NULL,
  last_notification INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  tenant            TEXT    NOT NULL REFERENCES tenants (id),
  id                TEXT    NOT NULL,
  name              TEXT    NOT NULL,
  role              TEXT    NOT NULL CHECK (role IN ('member', 'agent')),
  state             TEXT    NOT NULL CHECK (state IN ('active', 'blocked', 'deleted')),
  password          TEXT,
  tokens_valid_from INTEGER NOT NULL,
  created_at        INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- `id` is this file's own short name of a chat; the messages are clustered by it.
-- `moved` orders chats by their last message, whatever the clock says: a number that grows through the whole file.
CREATE TABLE chats (
  id             INTEGER NOT NULL PRIMARY KEY,
  tenant         TEXT    NOT NULL REFERENCES tenants (id),
  chat           TEXT    NOT NULL,
  title          TEXT    NOT NULL,
  customer       TEXT,
  last_seq       INTEGER NOT NULL DEFAULT 0,
  rev            INTEGER NOT NULL DEFAULT 0,
  moved          INTEGER NOT NULL,
  closed_by      TEXT,
  closed_by_name TEXT,
  closed_at      INTEGER,
  closed_reason  TEXT,
  created_at     INTEGER NOT NULL,
  UNIQUE (tenant, chat)
) STRICT;
CREATE UNIQUE INDEX chats_by_customer ON chats (tenant, customer) WHERE customer IS NOT NULL;
CREATE INDEX chats_by_moved ON chats (tenant, moved);

CREATE TABLE members (
  chat      INTEGER NOT NULL REFERENCES chats (id),
  tenant    TEXT    NOT NULL,
  user      TEXT    NOT NULL,
  joined_at INTEGER NOT NULL,
  PRIMARY KEY (chat, user),
  FOREIGN KEY (tenant, user) REFERENCES users (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (tenant, user);

-- Apart from the members: agents read without belonging.
CREATE TABLE reads (
  chat INTEGER NOT NULL,
  user TEXT    NOT NULL,
  seq  INTEGER NOT NULL,
  PRIMARY KEY (chat, user)
) STRICT, WITHOUT ROWID;

-- No reference to chats: chats are never deleted, and the check would be paid on every message.
-- `rev` is the chat's revision at the last edit or deletion, 0 for a message that is as it was sent.
CREATE TABLE messages (
  chat        INTEGER NOT NULL,
  seq         INTEGER NOT NULL,
  id          BLOB    NOT NULL,
  author      TEXT    NOT NULL,
  author_name TEXT    NOT NULL,
  text        TEXT    NOT NULL,
  data        TEXT,
  sent_at     INTEGER NOT NULL,
  edited_at   INTEGER,
  deleted     INTEGER NOT NULL DEFAULT 0,
  rev         INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (chat, seq)
) STRICT, WITHOUT ROWID;
-- The id leads: ids that grow with time (UUID version 7) then all land on the same page, whoever writes where.
-- Random ones cost a page of their own each, which is most of what a message costs then.
CREATE UNIQUE INDEX messages_once ON messages (id, author, chat);
CREATE INDEX messages_changed ON messages (chat, rev) WHERE rev > 0;

CREATE TABLE notifications (
  tenant     TEXT    NOT NULL,
  user       TEXT    NOT NULL,
  id         INTEGER NOT NULL,
  kind       TEXT    NOT NULL,
  text       TEXT    NOT NULL,
  url        TEXT,
  data       TEXT,
  created_at INTEGER NOT NULL,
  read       INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, user, id),
  FOREIGN KEY (tenant, user) REFERENCES users (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
  hash       TEXT    NOT NULL PRIMARY KEY,
  tenant     TEXT    REFERENCES tenants (id),
  label      TEXT    NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE refresh_tokens (
  jti        TEXT    NOT NULL PRIMARY KEY,
  family     TEXT    NOT NULL,
  tenant     TEXT    NOT NULL,
  user       TEXT    NOT NULL,
  state      TEXT    NOT NULL CHECK (state IN ('fresh', 'spent', 'revoked')),
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_by_user ON refresh_tokens (tenant, user);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

CREATE TABLE revoked_tokens (
  tenant     TEXT    NOT NULL,
  jti        TEXT    NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, jti)
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);

CREATE TABLE tickets (
  hash       TEXT    NOT NULL PRIMARY KEY,
  body       TEXT    NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tickets_by_expiry ON tickets (expires_at);

-- The server's own values, such as its signing secret.
CREATE TABLE kept (
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
