-- The sessions of before keep to the bound as well; they are read without a lock that anybody waits for.
ALTER TABLE sessions VALIDATE CONSTRAINT sessions_expires_at_check;
