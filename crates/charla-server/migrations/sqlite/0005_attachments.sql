-- Files that belong to messages. The bytes lie elsewhere, under names made of `tenant` and `id`; here stands what is known of
-- them. `uploaded`: they are there, as long as they were said to be. `seq`: the message that they were sent with. `gone`: nobody
-- may have them any more; the row stays until the bytes are deleted.

CREATE TABLE attachments (
  tenant     TEXT    NOT NULL,
  id         BLOB    NOT NULL,
  chat       INTEGER NOT NULL REFERENCES chats (id),
  user       TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  type       TEXT    NOT NULL,
  bytes      INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  uploaded   INTEGER NOT NULL DEFAULT 0,
  seq        INTEGER,
  gone       INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX attachments_by_message ON attachments (chat, seq) WHERE seq IS NOT NULL;
CREATE INDEX attachments_by_user ON attachments (tenant, user, created_at);
CREATE INDEX attachments_unsent ON attachments (created_at) WHERE seq IS NULL AND gone = 0;
CREATE INDEX attachments_gone ON attachments (created_at) WHERE gone = 1;

-- What the message shows of them, as JSON.
ALTER TABLE messages ADD COLUMN attachments TEXT;
