-- Files that belong to messages. The bytes lie elsewhere, under names made of `tenant` and `id`; here stands what is known of
-- them. `uploaded`: they are there, as long as they were said to be. `seq`: the message that they were sent with. `gone`: nobody
-- may have them any more; the row stays until the bytes are deleted.

CREATE TABLE attachments (
  tenant     TEXT COLLATE "C" NOT NULL,
  id         UUID    NOT NULL,
  chat       BIGINT  NOT NULL REFERENCES chats (id),
  person     TEXT COLLATE "C" NOT NULL,
  name       TEXT    NOT NULL,
  type       TEXT    NOT NULL,
  bytes      BIGINT  NOT NULL,
  created_at BIGINT  NOT NULL,
  uploaded   BOOLEAN NOT NULL DEFAULT false,
  seq        BIGINT,
  gone       BOOLEAN NOT NULL DEFAULT false,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX attachments_by_message ON attachments (chat, seq) WHERE seq IS NOT NULL;
CREATE INDEX attachments_by_user ON attachments (tenant, person, created_at);
CREATE INDEX attachments_unsent ON attachments (created_at) WHERE seq IS NULL AND NOT gone;
CREATE INDEX attachments_gone ON attachments (created_at) WHERE gone;

-- What the message shows of them, as JSON.
ALTER TABLE messages ADD COLUMN attachments TEXT;
