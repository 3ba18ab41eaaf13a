class Account {
  #balance = 0;
  static #count = 0;
  constructor() { Account.#count++; }
  #check(n) { if (n <= 0) throw new RangeError("amount must be positive"); }
  deposit(n) { this.#check(n); this.#balance += n; return this; }
  get balance() { return this.#balance; }
  static get count() { return Account.#count; }
  static owns(o) { return #balance in o; }
}
const a = new Account().deposit(10).deposit(5);
let caught = "";
try { a.deposit(-1); } catch (e) { caught = `${e.name}: ${e.message}`; }
({ balance: a.balance, count: Account.count, caught, owns: [Account.owns(a), Account.owns({})] });
