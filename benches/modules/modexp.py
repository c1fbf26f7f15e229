"""The same with OpenSSL."""
import ctypes

crypto = ctypes.CDLL("libcrypto.so.3")
for name in ("BN_new", "BN_CTX_new", "BN_bn2hex"):
    getattr(crypto, name).restype = ctypes.c_void_p


def number(digits):
    value = ctypes.c_void_p()
    crypto.BN_hex2bn(ctypes.byref(value), digits)
    return value


context = ctypes.c_void_p(crypto.BN_CTX_new())
m, p, a = number(b"F123456789ABCDEF" * 32), number(b"8765432190FEDCBB" * 32), number(b"2")
for _ in range(100):
    crypto.BN_mod_exp(a, a, p, m, context)
print(ctypes.string_at(crypto.BN_bn2hex(a)).decode())
