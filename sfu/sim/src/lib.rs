//! A whole world in one thread, decided by one seed.
