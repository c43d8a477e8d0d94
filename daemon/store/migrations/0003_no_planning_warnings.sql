-- What planning warned of was never filled in: a worker's plan and its log have the warnings.
ALTER TABLE jobs DROP COLUMN warnings;
