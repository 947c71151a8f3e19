-- Written now and then, to see whether the database takes anything.
ALTER TABLE event_cursors ADD COLUMN checked_at_ms BIGINT;
