-- A right to DELETE is a right to LOCK TABLE as well; functions delete.
REVOKE DELETE ON patients, doctors, mappings FROM app_api;
