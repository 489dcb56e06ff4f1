-- Sessions of before that would live longer than the bound are cut to it; then all are known to keep to it.
UPDATE sessions SET expires_at = created_at + make_interval(hours => 31 * 24)
 WHERE expires_at > created_at + make_interval(hours => 31 * 24);
ALTER TABLE sessions VALIDATE CONSTRAINT sessions_expires_at_check;
