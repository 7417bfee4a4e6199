-- What messages are found by. Nothing stands here of a chat that nobody has searched.

-- Which of a chat's messages were taken in: those from `low` to `high`.
CREATE TABLE search_chats (
  chat BIGINT NOT NULL PRIMARY KEY,
  low  BIGINT NOT NULL,
  high BIGINT NOT NULL
);

-- The words, folded by the server (no accents, no capitals), so that SQLite finds the same. One of them is the chat itself
-- (`#` and its id), so that one index finds words within a chat.
CREATE TABLE search_words (
  chat  BIGINT   NOT NULL,
  seq   BIGINT   NOT NULL,
  words TSVECTOR NOT NULL,
  PRIMARY KEY (chat, seq)
);
CREATE INDEX search_words_found ON search_words USING gin (words);
