// verdict: error
// error: TypeError
const { proxy, revoke } = Proxy.revocable({}, {});
revoke();
proxy
