// verdict: error
// error: TypeError
Error.prototype.toString = () => { throw 1; };
String.prototype.split = RegExp.prototype.exec = Array.prototype.join = () => { for (;;); };
null.x;
