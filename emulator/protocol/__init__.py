"""OSS over HTTP: addressing, signatures, operations, XML and error bodies."""
