-- A host's wish that a recording ends is kept until the recorder has it on disk.
ALTER TABLE recordings ADD COLUMN stop_asked_at_ms BIGINT;
