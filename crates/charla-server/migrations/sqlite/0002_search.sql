-- What messages are found by. Nothing stands here of a chat that nobody has searched.

-- Which of a chat's messages were taken in: those from `low` to `high`.
CREATE TABLE search_chats (
  chat INTEGER NOT NULL PRIMARY KEY,
  low  INTEGER NOT NULL,
  high INTEGER NOT NULL
) STRICT;

-- The words, folded by the server (no accents, no capitals), so that this file and PostgreSQL find the same. The row's number
-- is the chat's, times 2^36, plus the message's. The texts themselves are not kept twice.
CREATE VIRTUAL TABLE search_words USING fts5 (
  words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);
