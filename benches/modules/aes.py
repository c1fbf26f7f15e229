"""The same with OpenSSL."""
import ctypes
import hashlib

crypto = ctypes.CDLL("libcrypto.so.3")
for name in ("EVP_CIPHER_CTX_new", "EVP_aes_128_cbc"):
    getattr(crypto, name).restype = ctypes.c_void_p


def run(text, iv, encrypts):
    context = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new())
    cipher = ctypes.c_void_p(crypto.EVP_aes_128_cbc())
    crypto.EVP_CipherInit_ex(context, cipher, None, b"0123456789abcdef", iv, encrypts)
    crypto.EVP_CIPHER_CTX_set_padding(context, 0)
    out = ctypes.create_string_buffer(len(text) + 32)
    length = ctypes.c_int()
    crypto.EVP_CipherUpdate(context, out, ctypes.byref(length), text, len(text))
    crypto.EVP_CIPHER_CTX_free(context)
    return out.raw[:length.value]


text = b"some text 123456" * 65536
for _ in range(150):
    text = run(text, b"fedcba9876543210", 1)
    text = run(text, b"FEDCBA9876543210", 0)
print(hashlib.md5(text).hexdigest())
