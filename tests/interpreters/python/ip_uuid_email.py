import email
import email.message
import ipaddress
import uuid

net = ipaddress.ip_network("10.0.0.0/29")
message = email.message_from_string("From: a@b.c\nSubject: =?utf-8?b?w6k=?=\n\nbody\n")
[
    net.num_addresses, str(list(net.hosts())[-1]), ipaddress.ip_address("10.0.0.3") in net, ipaddress.ip_address("::1").is_loopback,
    uuid.uuid5(uuid.NAMESPACE_DNS, "python.org"), uuid.UUID("12345678123456781234567812345678").hex, len(str(uuid.uuid4())),
    message["From"], message.get_payload(), str(email.header.make_header(email.header.decode_header(message["Subject"]))),
]
