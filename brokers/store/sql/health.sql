-- name: probe
-- Purpose: prove that a commit works now: takes a transaction id, so a standby or a full disk refuses. No lock.
SELECT pg_current_xact_id()::text

-- name: applied
-- Purpose: the migrations this database has. Index: none, a few dozen rows.
SELECT app || '.' || name FROM django_migrations
