"""A small contract with every word of the vocabulary, and ways to spoil it."""

import copy
import functools
from pathlib import Path
from textwrap import dedent
from typing import cast

import yaml

from codegen.contract import read_contract
from codegen.ir import Contract
from codegen.node import Json
from tests.unit.codegen.sample_sockets import SOCKETS

CONTRACT = dedent("""
    openapi: 3.1.0
    info: {title: Sample, version: '1', description: A sample.}
    x-vocabulary:
      {x-wire: W, x-module: W, x-usual: W, x-present-only-for: W, x-alternates: W, x-unmodelled: W, x-zoneless: W, x-names: W,
       x-descriptions: W, x-open: W, x-request-only: W, x-hand-written: W, x-name: W, x-not-exposed: W, x-kind: W, x-lane: W,
       x-max-body: W, x-also: W, x-not-generated: W, x-instead: W}
    servers: [{url: 'https://api.example', description: All.}]
    security: [{bearer: []}]
    tags: [{name: All, description: Everything.}]
    paths:
      /orders/{portfolio}/{id}:
        get:
          operationId: account.get_order
          summary: Read an order
          tags: [All]
          x-kind: read
          x-lane: data
          parameters:
            - {$ref: '#/components/parameters/Id'}
            - {name: portfolio, in: path, required: true, description: Portfolio., schema: {type: string}, x-name: portfolio}
            - {name: from, in: query, description: Start., schema: {type: integer}, x-name: start}
            - {name: hidden, in: query, description: No., schema: {type: string}, x-name: hidden, x-not-exposed: Pointless.}
            - {$ref: '#/components/parameters/Format'}
          responses:
            '200':
              description: The order.
              content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}
            '400': {$ref: '#/components/responses/Refused'}
      /orders:
        get:
          operationId: account.list_orders
          summary: List orders.
          x-kind: read
          x-lane: data
          x-max-body: 134217728
          security: [{}, {bearer: []}]
          parameters: [{$ref: '#/components/parameters/Format'}]
          responses:
            '200':
              description: Orders.
              content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Order'}}}}
        post:
          operationId: orders.place
          summary: Place an order.
          x-kind: command
          x-lane: place
          x-also: [stop_orders.place]
          parameters:
            - {name: X-REQID, in: header, required: true, description: Key., schema: {type: string}, x-name: request_id}
          requestBody:
            required: true
            content: {application/json: {schema: {$ref: '#/components/schemas/OrderBody'}}}
          responses:
            '200': {description: Taken., content: {application/json: {schema: {$ref: '#/components/schemas/Accepted'}}}}
        delete:
          operationId: orders.cancel
          summary: Cancel.
          x-kind: command
          x-lane: cancel
          responses:
            '200': {description: Done., content: {text/plain: {schema: {type: string, const: success}}}}
      /books:
        get:
          operationId: market_data.get_book
          summary: Read a book.
          x-kind: read
          x-lane: data
          parameters: [{$ref: '#/components/parameters/Format'}]
          responses:
            '200': {description: Book., content: {application/json: {schema: {$ref: '#/components/schemas/Book'}}}}
      /time:
        get:
          operationId: get_time
          summary: Read the clock.
          x-kind: read
          x-lane: data
          security: []
          servers: [{url: 'https://oauth.example', description: Tokens.}]
          responses:
            '200': {description: Time., content: {application/json: {schema: {type: integer, format: int64}}}}
      /old:
        get:
          operationId: deprecated.get_money
          summary: Read money.
          deprecated: true
          x-not-generated: true
          x-instead: account.get_order
          responses:
            '200': {description: Money., content: {application/json: {schema: {$ref: '#/components/schemas/Money'}}}}
    components:
      securitySchemes: {bearer: {type: http, scheme: bearer}}
      parameters:
        Format:
          {name: format, in: query, description: Spelling., schema: {$ref: '#/components/schemas/Format'}, x-name: format}
        Id: {name: id, in: path, required: true, description: Number., schema: {type: string}, x-name: order_id}
      responses:
        Refused: {description: Refused., content: {application/json: {schema: {$ref: '#/components/schemas/Problem'}}}}
      schemas:
        Format: {type: string, description: F., enum: [Simple, Slim, Heavy], x-request-only: true, x-hand-written: values}
        Side:
          type: string
          description: direction of an order
          enum: [buy, sell]
          x-module: enums
          x-open: true
          x-names: {buy: BUY, sell: SELL}
          x-descriptions: {buy: Buying., sell: Selling.}
        Phase:
          type: integer
          description: Phase of trading.
          enum: [2, 17]
          x-module: enums
          x-open: true
          x-names: {'2': BREAK, '17': NORMAL}
          x-descriptions: {'2': A break., '17': Normal trading.}
        Order:
          type: object
          description: An order. It may be old.
          x-module: account
          x-usual: heavy
          required: [order_id, symbol, exchange]
          properties:
            order_id: {type: string, format: wire-id, description: Number., x-wire: id}
            symbol: {type: string, description: Ticker., x-wire: {simple: symbol, slim: sym, heavy: symbol}}
            exchange: {type: string, description: Exchange., x-wire: {simple: exchange, slim: ex, heavy: exchange}}
            board: {type: string, description: Board., x-wire: {simple: board, heavy: board}}
            side:
              $ref: '#/components/schemas/Side'
              description: Direction.
              x-wire: {simple: side, slim: s, heavy: side}
            phase:
              anyOf: [{$ref: '#/components/schemas/Phase'}, {type: 'null'}]
              description: Phase.
              x-wire: {simple: phase, slim: ph, heavy: phase}
            price:
              type: [number, 'null']
              format: decimal
              description: Price; money.
              x-wire: {simple: price, slim: p, heavy: price}
              x-alternates: {slim: [px]}
            strike:
              type: number
              format: decimal
              description: Strike; money.
              x-wire: {heavy: p}
              x-present-only-for: options
            placed_at: {type: string, format: date-time, description: When., x-wire: {simple: at, slim: t, heavy: at}}
            ends_at:
              {type: string, format: date-time, x-zoneless: true, description: End., x-wire: {simple: end, slim: e, heavy: end}}
            timestamp_ms: {type: integer, description: Seen; Unix milliseconds., x-wire: {simple: ms, slim: m, heavy: ms}}
            iceberg:
              anyOf: [{$ref: '#/components/schemas/Iceberg'}, {type: 'null'}]
              description: What is seen.
              x-wire: {simple: iceberg, slim: i, heavy: iceberg}
            quantity:
              {type: integer, deprecated: true, description: Old., x-wire: {simple: qty}, x-unmodelled: repeats lots}
        Iceberg:
          type: object
          description: What is seen.
          x-module: account
          x-usual: heavy
          properties:
            lots: {type: integer, description: Seen; lots., x-wire: {simple: visible, slim: v, heavy: visible}}
        Level:
          type: object
          description: A level.
          x-module: market_data
          x-usual: slim
          required: [price]
          properties:
            price: {type: number, format: decimal, description: Price., x-wire: {simple: price, slim: p, heavy: price}}
        Book:
          type: object
          description: A book.
          x-module: market_data
          x-usual: slim
          required: [bids, timestamp]
          properties:
            bids:
              type: array
              items: {$ref: '#/components/schemas/Level'}
              description: Bids.
              x-wire: {simple: bids, slim: b, heavy: bids}
            timestamp: {type: integer, description: Seen; Unix seconds., x-wire: {simple: ts, slim: t, heavy: ts}}
        OrderBody:
          type: object
          description: What to place.
          x-module: bodies
          required: [side, price]
          properties:
            side: {$ref: '#/components/schemas/Side', description: Direction., x-wire: side}
            price: {type: number, format: decimal, description: Price., x-wire: price}
            board: {type: string, description: Board., x-wire: instrumentGroup}
        Accepted:
          type: object
          description: Taken.
          x-module: answers
          required: [order_id]
          properties:
            order_id: {type: string, format: wire-id, description: Number., x-wire: orderNumber}
        Problem: {type: object, description: Why., properties: {message: {type: string, description: Text.}}}
        Money: {type: object, description: Money., properties: {cash: {type: number, description: Money., x-wire: Cash}}}
""")

OVERLAY = dedent("""
    overlay: 1.0.0
    info: {title: Corrections, version: '1'}
    actions:
      - target: $.components.schemas.Iceberg
        description: Never without it.
        x-standing: assumed
        update: {required: [lots]}
""")


def document() -> Json:
    """Give a fresh copy of the sample, to be changed at will."""
    return copy.deepcopy(_parsed(CONTRACT))


def sockets() -> Json:
    """Give a fresh copy of the sample of the sockets, to be changed at will."""
    return copy.deepcopy(_parsed(SOCKETS))


@functools.cache
def _parsed(text: str) -> Json:
    return cast(Json, yaml.safe_load(text))


def contract() -> Contract:
    return read_contract(document(), sockets())


def at(value: Json, path: str) -> Json:
    """Give the mapping at a place such as `components/schemas/Order`."""
    for step in filter(None, path.split("/")):
        value = value[step.replace("~", "/")]  # type: ignore[assignment]
    return value


def project(root: Path) -> Path:
    """Lay out a project that the generator can work on."""
    here = Path(__file__).resolve().parents[3]
    (root / "openapi").mkdir()
    (root / "openapi/alor.openapi.yaml").write_text(CONTRACT, encoding="utf-8")
    (root / "openapi/alor.asyncapi.yaml").write_text(SOCKETS, encoding="utf-8")
    (root / "openapi/overlay.yaml").write_text(OVERLAY, encoding="utf-8")
    (root / "alor_async/models").mkdir(parents=True)
    (root / "alor_async/models/_base.py").write_text("# by hand\n", encoding="utf-8")
    (root / "pyproject.toml").write_text((here / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8")
    return root
