// verdict: timeout
do { try { throw 1; } catch {} finally { continue; } } while (true);
