"""The parts of emr/submit: what the user asks for (cli, job), how it runs on YARN (task, service), what is there (apps, logs)."""
