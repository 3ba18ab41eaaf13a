// verdict: timeout
setInterval(() => {}, 1);
