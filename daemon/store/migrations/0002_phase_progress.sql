-- How far a long phase has come, in percent; 0 where it is not known.

ALTER TABLE jobs ADD COLUMN phase_progress REAL NOT NULL DEFAULT 0 CHECK (phase_progress BETWEEN 0 AND 100);
