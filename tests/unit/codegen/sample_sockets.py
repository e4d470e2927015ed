"""What is said over sockets beside the small contract, with every word of its vocabulary."""

from textwrap import dedent

SOCKETS = dedent("""
    asyncapi: 3.0.0
    info: {title: Sample sockets, version: '1', description: A sample.}
    x-vocabulary:
      {x-record: W, x-key: W, x-floors: W, x-carries: W, x-lacks: W, x-partial: W, x-respelled: W, x-errors: W}
    servers: {all: {host: api.example, protocol: wss, description: All.}}
    channels:
      ws:
        address: /ws
        messages:
          book.request:
            summary: Follow a book.
            correlationId: {location: '$message.payload#/guid'}
            payload:
              type: object
              required: [opcode, symbol, guid, token]
              properties:
                opcode: {type: string, const: BookSubscribe, x-wire: opcode}
                symbol: {$ref: '#/components/schemas/Symbol', x-wire: code}
                depth: {type: integer, minimum: 1, maximum: 50, default: 20, description: Levels., x-wire: depth}
                sides: {type: array, items: {$ref: './alor.openapi.yaml#/components/schemas/Side'}, x-wire: sides}
                side: {$ref: './alor.openapi.yaml#/components/schemas/Side', x-wire: side}
                skip_snapshot: {type: boolean, description: No., x-wire: skipHistory}
                hidden: {type: string, description: No., x-wire: hidden, x-not-exposed: Pointless.}
                frequency_ms:
                  {type: integer, description: Pace., x-wire: frequency, x-floors: {simple: 25, slim: 10, heavy: 500}}
                format: {$ref: './alor.openapi.yaml#/components/schemas/Format', x-wire: format}
                guid: {$ref: '#/components/schemas/Guid', x-wire: guid}
                token: {type: string, x-wire: token}
          book.data:
            summary: A book.
            correlationId: {location: '$message.payload#/guid'}
            payload:
              type: object
              required: [data, guid]
              properties:
                data: {$ref: './alor.openapi.yaml#/components/schemas/Book', x-wire: data}
                guid: {$ref: '#/components/schemas/Guid', x-wire: guid}
          order.request:
            summary: Follow orders.
            correlationId: {location: '$message.payload#/guid'}
            payload:
              type: object
              required: [opcode, guid, token]
              properties:
                opcode: {type: string, const: OrderSubscribe, x-wire: opcode}
                guid: {$ref: '#/components/schemas/Guid', x-wire: guid}
                token: {type: string, x-wire: token}
          order.data:
            summary: An order, or what changed.
            correlationId: {location: '$message.payload#/guid'}
            payload:
              type: object
              required: [data, guid]
              properties:
                data:
                  $ref: './alor.openapi.yaml#/components/schemas/Order'
                  x-wire: data
                  x-carries: [order_id, symbol, exchange, price, board]
                  x-lacks: [board]
                  x-partial: [order_id]
                  x-respelled: {price: {simple: cost}}
                guid: {$ref: '#/components/schemas/Guid', x-wire: guid}
          unsubscribe.request:
            summary: End it.
            correlationId: {location: '$message.payload#/guid'}
            payload:
              type: object
              required: [opcode, guid, token]
              properties:
                opcode: {type: string, const: unsubscribe, x-wire: opcode}
                guid: {$ref: '#/components/schemas/Guid', x-wire: guid}
                token: {type: string, x-wire: token}
          old.request:
            summary: Follow what was.
            correlationId: {location: '$message.payload#/guid'}
            payload:
              type: object
              required: [opcode, guid]
              properties:
                opcode: {type: string, const: OldSubscribe, x-wire: opcode}
                guid: {$ref: '#/components/schemas/Guid', x-wire: guid}
          old.data:
            summary: What was.
            correlationId: {location: '$message.payload#/guid'}
            payload:
              type: object
              properties:
                data: {$ref: '#/components/schemas/Old', x-wire: data}
                guid: {$ref: '#/components/schemas/Guid', x-wire: guid}
          reply:
            summary: Done or not.
            correlationId: {location: '$message.payload#/request_guid'}
            x-errors: [{status: 401, text: No.}]
            payload: {allOf: [{$ref: '#/components/schemas/Reply'}], properties: {status: {maximum: 499}}}
      cws:
        address: /cws
        messages:
          place.request:
            summary: Place an order.
            correlationId: {location: '$message.payload#/guid'}
            payload:
              allOf:
                - {$ref: '#/components/schemas/Head'}
                - {$ref: './alor.openapi.yaml#/components/schemas/OrderBody'}
              properties: {opcode: {const: 'create:order'}}
          ping.request:
            summary: Ask for life.
            correlationId: {location: '$message.payload#/guid'}
            payload:
              type: object
              properties:
                opcode: {type: string, const: ping, x-wire: opcode}
                guid: {$ref: '#/components/schemas/Guid', x-wire: guid}
                confirm: {type: boolean, const: true, x-wire: confirm}
          reply:
            summary: Done or not.
            correlationId: {location: '$message.payload#/request_guid'}
            payload: {allOf: [{$ref: '#/components/schemas/Reply'}]}
    operations:
      streams.book:
        action: send
        summary: Follow a book.
        channel: {$ref: '#/channels/ws'}
        messages: [{$ref: '#/channels/ws/messages/book.request'}]
        reply: {channel: {$ref: '#/channels/ws'}, messages: [{$ref: '#/channels/ws/messages/reply'}]}
      streams.book.data:
        action: receive
        channel: {$ref: '#/channels/ws'}
        messages: [{$ref: '#/channels/ws/messages/book.data'}]
        x-record: state
        x-key: [timestamp]
      streams.order:
        action: send
        summary: Follow orders.
        channel: {$ref: '#/channels/ws'}
        messages: [{$ref: '#/channels/ws/messages/order.request'}]
        reply: {channel: {$ref: '#/channels/ws'}, messages: [{$ref: '#/channels/ws/messages/reply'}]}
      streams.order.data:
        action: receive
        channel: {$ref: '#/channels/ws'}
        messages: [{$ref: '#/channels/ws/messages/order.data'}]
        x-record: event
      streams.unsubscribe:
        action: send
        summary: End it.
        channel: {$ref: '#/channels/ws'}
        messages: [{$ref: '#/channels/ws/messages/unsubscribe.request'}]
        reply: {channel: {$ref: '#/channels/ws'}, messages: [{$ref: '#/channels/ws/messages/reply'}]}
      deprecated.old:
        action: send
        summary: Follow what was.
        channel: {$ref: '#/channels/ws'}
        messages: [{$ref: '#/channels/ws/messages/old.request'}]
        reply: {channel: {$ref: '#/channels/ws'}, messages: [{$ref: '#/channels/ws/messages/reply'}]}
        x-not-generated: true
        x-instead: streams.order
      deprecated.old.data:
        action: receive
        channel: {$ref: '#/channels/ws'}
        messages: [{$ref: '#/channels/ws/messages/old.data'}]
        x-record: event
        x-not-generated: true
      orders.place:
        action: send
        summary: Place an order.
        channel: {$ref: '#/channels/cws'}
        messages: [{$ref: '#/channels/cws/messages/place.request'}]
        reply: {channel: {$ref: '#/channels/cws'}, messages: [{$ref: '#/channels/cws/messages/reply'}]}
      command_socket.ping:
        action: send
        summary: Ask for life.
        channel: {$ref: '#/channels/cws'}
        messages: [{$ref: '#/channels/cws/messages/ping.request'}]
        reply: {channel: {$ref: '#/channels/cws'}, messages: [{$ref: '#/channels/cws/messages/reply'}]}
    components:
      schemas:
        Symbol: {type: string, description: Ticker.}
        Guid: {type: string, description: Name.}
        Head:
          type: object
          required: [opcode, guid, order_id]
          properties:
            opcode: {type: string, x-wire: opcode}
            guid: {$ref: '#/components/schemas/Guid', x-wire: guid}
            order_id: {type: string, format: wire-id, description: Number., x-wire: orderId}
            check_duplicates: {type: boolean, description: Whether., x-wire: checkDuplicates}
            aside: {type: string, description: No., x-wire: aside, x-not-exposed: Pointless.}
        Reply:
          type: object
          description: Done or not.
          x-module: answers
          required: [request_guid, status]
          properties:
            request_guid: {type: string, description: Name., x-wire: requestGuid}
            status: {type: integer, description: How., x-wire: httpCode}
        Old:
          type: object
          description: What was.
          properties: {lots: {type: integer, description: Lots., x-wire: {simple: qty, slim: q, heavy: qty}}}
""")
