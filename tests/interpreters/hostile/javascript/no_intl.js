// verdict: error
// error: not available in this sandbox: locales
new Intl.NumberFormat("de-DE").format(1234.5);
