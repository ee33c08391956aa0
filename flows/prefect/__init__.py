"""Around Prefect: its server, deployment and runs that died, events and artifacts."""
