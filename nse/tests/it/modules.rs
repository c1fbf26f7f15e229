//! The compiled modules: golden vectors in Lua, and generated cases side by side with other implementations.

mod libraries;
mod libssh2;
mod lpeg;
mod machine;
mod openssl;
mod pcre;
mod small;
mod zlib;
