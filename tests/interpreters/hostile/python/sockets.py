# verdict: error
# error: not available in this sandbox: socket
import socket

socket.socket().connect(("169.254.169.254", 80))
