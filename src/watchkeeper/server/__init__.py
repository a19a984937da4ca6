"""One port: OTLP and posts come in, questions are answered."""
