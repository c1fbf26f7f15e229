--- Passwords that devices come with and that people choose most.
-- @copyright MIT OR Apache-2.0
return {
  "", "123456", "password", "12345678", "admin", "123456789", "12345", "1234", "qwerty", "root", "111111", "123123",
  "abc123", "1234567", "password1", "1q2w3e4r", "test", "guest", "letmein", "welcome", "monkey", "dragon", "iloveyou",
  "changeme", "default", "secret", "pass", "user", "toor", "passw0rd", "P@ssw0rd", "000000", "654321", "qwerty123",
  "1qaz2wsx", "zaq12wsx", "qwertyuiop", "sunshine", "princess", "football", "master", "login", "public", "private",
  "cisco", "ubnt", "oracle", "postgres", "mysql", "tomcat", "s3cret", "raspberry", "support", "system", "manager",
  "administrator", "service", "operator", "vagrant", "calvin", "supervisor", "access", "qazwsx", "trustno1", "hello",
}
