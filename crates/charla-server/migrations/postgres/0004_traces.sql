-- The trace of the message that a webhook tells of, as a `traceparent`, where that is recorded.

ALTER TABLE webhook_outbox ADD COLUMN trace TEXT;
