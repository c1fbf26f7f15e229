//! Numbers: conversions and arithmetic.
