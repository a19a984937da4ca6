"""Questions of a person on call, answered with numbers, their evidence and the case; what cannot be known is said."""
