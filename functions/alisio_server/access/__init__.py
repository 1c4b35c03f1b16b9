"""Who may do what: authentication, roles, and the audit log. Every request passes the gate before its route."""
