// The npm package `alor-api`, unchanged, through everything that a small bot does. Its constructor takes the addresses.
//
//     node walk.js '{"api": ..., "oauth": ..., "ws": ..., "cws": ..., "refresh_token": ..., "portfolios": [...]}'
//
// What the package returns is compared with what the sandbox says to a plain request.
"use strict";

const assert = require("node:assert/strict");
const { AlorApi } = require("alor-api");

const place = JSON.parse(process.argv[2]);
const portfolio = place.portfolios.find((name) => name.startsWith("D"));
const MARKET = { exchange: "MOEX", symbol: "SBER" };
const ACCOUNT = { exchange: "MOEX", portfolio };

const api = new AlorApi({
  token: place.refresh_token,
  endpoint: place.api,
  authEndpoint: place.oauth,
  wssEndpoint: place.ws,
  wssEndpointBeta: place.cws,
});

/** The same by hand: nothing of the package. */
async function plain(path) {
  const response = await fetch(place.api + path, { headers: { Authorization: `Bearer ${api.accessToken}` } });
  assert.equal(response.status, 200, `${path}: ${response.status}`);
  return response.json();
}

const steps = {
  async "a first call without a token is retried with one"() {
    const summary = await api.clientInfo.getSummary(ACCOUNT);
    assert.ok(api.accessToken.split(".").length === 3);
    assert.deepEqual(summary, await plain(`/md/v2/Clients/MOEX/${portfolio}/summary`));
    assert.ok(summary.portfolioEvaluation > 0);
  },

  async "refresh"() {
    const before = api.accessToken;
    const { AccessToken } = await api.refreshToken();
    assert.notEqual(AccessToken, before);
    assert.equal(api.accessToken, AccessToken);
  },

  async securities() {
    const found = await api.instruments.getSecurities({ query: "SBER", exchange: "MOEX", limit: 5, format: "Simple" });
    assert.deepEqual(found, await plain("/md/v2/Securities?query=SBER&exchange=MOEX&limit=5"));
    assert.ok(found.some((one) => one.symbol === "SBER" && one.lotsize === 10));
    const one = await api.instruments.getSecurityByExchangeAndSymbol(MARKET);
    assert.equal(one.primary_board, "TQBR");
  },

  async quotes() {
    const [quote] = await api.instruments.getQuotes({ symbols: "MOEX:SBER" });
    assert.deepEqual([quote], await plain("/md/v2/Securities/MOEX:SBER/quotes"));
    assert.ok(quote.bid < quote.ask);
  },

  async history() {
    const to = Math.floor(Date.now() / 1000) - 3 * 86400;
    const asked = { ...MARKET, tf: "3600", from: to - 7 * 86400, to };
    const page = await api.instruments.getHistory(asked);
    assert.deepEqual(page, await plain(`/md/v2/history?${new URLSearchParams(asked)}`));
    assert.ok(page.history.length > 10);
    assert.ok(page.history.every((bar) => bar.low <= bar.open && bar.open <= bar.high));
  },

  async "order book"() {
    const book = await api.instruments.getOrderbookBySeccode({ exchange: "MOEX", seccode: "SBER", depth: 5 });
    assert.deepEqual(book, await plain("/md/v2/orderbooks/MOEX/SBER?depth=5"));
    assert.equal(book.bids.length, 5);
    assert.ok(book.bids[0].price < book.asks[0].price);
  },

  async "place, list, replace and cancel an order, and hear of it"() {
    const heard = [];
    const leave = await api.subscriptions.orders({ ...ACCOUNT, format: "Simple" }, (order) => heard.push(order));
    const { bids } = await api.instruments.getOrderbookBySeccode({ exchange: "MOEX", seccode: "SBER", depth: 1 });
    const wanted = {
      side: "buy",
      type: "limit",
      quantity: 2,
      price: Math.round((bids[0].price - 1) * 100) / 100,
      instrument: { ...MARKET, instrumentGroup: "TQBR" },
      user: { portfolio },
    };
    const placed = await api.orders.sendLimitOrder(wanted);
    assert.equal(placed.message, "success");
    const listed = await api.clientInfo.getOrders(ACCOUNT);
    assert.deepEqual(listed, await plain(`/md/v2/Clients/MOEX/${portfolio}/orders`));
    const mine = listed.find((order) => order.id === placed.orderNumber);
    assert.deepEqual([mine.status, mine.side, mine.qty, mine.price], ["working", "buy", 2, wanted.price]);
    await until(() => heard.some((order) => order.id === mine.id && order.status === "working"), "the new order");

    const replaced = await api.orders.updateLimitOrder({ ...wanted, id: mine.id, quantity: 3 });
    assert.notEqual(replaced.orderNumber, mine.id);
    const cancelled = await api.orders.cancelOrder({ ...ACCOUNT, orderId: replaced.orderNumber, stop: false });
    assert.equal(cancelled, "success");
    const after = new Map((await api.clientInfo.getOrders(ACCOUNT)).map((order) => [order.id, order.status]));
    assert.deepEqual([after.get(mine.id), after.get(replaced.orderNumber)], ["canceled", "canceled"]);
    await until(
      () => heard.some((order) => order.id === replaced.orderNumber && order.status === "canceled"),
      "the cancelled order",
    );
    await leave();
    await assert.rejects(
      api.orders.cancelOrder({ ...ACCOUNT, orderId: replaced.orderNumber, stop: false }),
      (refusal) => refusal.status === 400 && refusal.message.length > 0,
    );
  },

  async "a market order trades, and the position grows"() {
    const units = async () => (await api.clientInfo.getPositionBySymbol({ ...ACCOUNT, symbol: "SBER" })).qtyUnits;
    const before = await units();
    const order = { side: "buy", type: "market", quantity: 1, instrument: MARKET, user: { portfolio } };
    const { orderNumber } = await api.orders.sendMarketOrder(order);
    assert.equal(await units(), before + 10);
    const trades = await api.clientInfo.getTrades(ACCOUNT);
    assert.ok(trades.some((trade) => trade.orderno === orderNumber && trade.qty === 1));
  },

  async "the order book as a subscription"() {
    const books = [];
    const leave = await api.subscriptions.orderBook({ code: "SBER", exchange: "MOEX", depth: 5 }, (book) => books.push(book));
    await until(() => books.length > 0, "a book");
    const book = await plain("/md/v2/orderbooks/MOEX/SBER?depth=5");
    assert.deepEqual([books[0].bids, books[0].asks], [book.bids, book.asks]);
    await leave();
  },
};

/** Wait for something to become true, for at most five seconds. */
async function until(isTrue, what) {
  for (const end = Date.now() + 5000; !isTrue(); await new Promise((resolve) => setTimeout(resolve, 5))) {
    assert.ok(Date.now() < end, `${what} did not come within five seconds`);
  }
}

async function walk() {
  for (const [name, step] of Object.entries(steps)) {
    await step();
    process.stdout.write(`ok: ${name}\n`);
  }
}

// The package's socket has no close and would connect again for ever: the program ends itself.
walk().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error.stack ?? JSON.stringify(error)}\n`);
    process.exit(1);
  },
);
