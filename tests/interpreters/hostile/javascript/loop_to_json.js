// verdict: timeout
({ toJSON() { for (;;); } })
