"""The local cloud: ministack and PostgreSQL as processes of this machine, with the `local` stage deployed on them."""
