// verdict: timeout
while (true) await null;
