/** The data of each event, as JSON Schema. Written by `npm run events:lock`. */
export const eventSchemas: Readonly<Record<string, object>> = {
  OrderCreated: {
    type: 'object',
    properties: {
      customer: {
        type: 'object',
        properties: {
          id: {
            type: 'string',
          },
          name: {
            type: 'string',
          },
          email: {
            type: 'string',
          },
        },
        required: ['id', 'name'],
        additionalProperties: false,
      },
      currency: {
        type: 'string',
      },
      lines: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            sku: {
              type: 'string',
            },
            quantity: {
              type: 'number',
            },
            unitPrice: {
              type: 'number',
            },
            name: {
              type: 'string',
            },
          },
          required: ['quantity', 'sku', 'unitPrice'],
          additionalProperties: false,
        },
      },
      charges: {
        type: 'object',
        properties: {
          shippingFee: {
            type: 'number',
          },
          tax: {
            type: 'number',
          },
          discount: {
            type: 'number',
          },
        },
        required: ['discount', 'shippingFee', 'tax'],
        additionalProperties: false,
      },
      total: {
        type: 'number',
      },
      shippingAddress: {
        type: 'object',
        properties: {
          name: {
            type: 'string',
          },
          street: {
            type: 'string',
          },
          city: {
            type: 'string',
          },
          postalCode: {
            type: 'string',
          },
          region: {
            type: 'string',
          },
          country: {
            type: 'string',
          },
        },
        required: ['city', 'country', 'street'],
        additionalProperties: false,
      },
      payment: {
        type: 'object',
        properties: {
          method: {
            type: 'string',
          },
        },
        required: ['method'],
        additionalProperties: false,
      },
      note: {
        type: 'string',
      },
      tags: {
        type: 'array',
        items: {
          type: 'string',
        },
      },
      terms: {
        type: 'object',
        properties: {
          paymentDeadline: {
            type: 'number',
          },
          returnWindow: {
            type: 'number',
          },
          authorizationTtl: {
            type: 'number',
          },
        },
        required: ['authorizationTtl', 'paymentDeadline', 'returnWindow'],
        additionalProperties: false,
      },
      rules: {
        type: 'number',
      },
    },
    required: ['charges', 'currency', 'customer', 'lines', 'payment', 'rules', 'tags', 'terms', 'total'],
    additionalProperties: false,
  },
  StockReserved: {
    type: 'object',
    properties: {
      lines: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            sku: {
              type: 'string',
            },
            quantity: {
              type: 'number',
            },
          },
          required: ['quantity', 'sku'],
          additionalProperties: false,
        },
      },
    },
    required: ['lines'],
    additionalProperties: false,
  },
  StockRefused: {
    type: 'object',
    properties: {
      missing: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            sku: {
              type: 'string',
            },
            requested: {
              type: 'number',
            },
            available: {
              type: 'number',
            },
          },
          required: ['available', 'requested', 'sku'],
          additionalProperties: false,
        },
      },
    },
    required: ['missing'],
    additionalProperties: false,
  },
  StockReleased: {
    type: 'object',
    properties: {
      lines: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            sku: {
              type: 'string',
            },
            quantity: {
              type: 'number',
            },
          },
          required: ['quantity', 'sku'],
          additionalProperties: false,
        },
      },
    },
    required: ['lines'],
    additionalProperties: false,
  },
  StockDeducted: {
    type: 'object',
    properties: {
      shipmentId: {
        type: 'string',
      },
    },
    required: ['shipmentId'],
    additionalProperties: false,
  },
  StockRestocked: {
    type: 'object',
    properties: {
      returnId: {
        type: 'string',
      },
    },
    required: ['returnId'],
    additionalProperties: false,
  },
  PaymentAuthorized: {
    type: 'object',
    properties: {
      authorizationId: {
        type: 'string',
      },
      amount: {
        type: 'number',
      },
      expiresAt: {
        type: 'string',
      },
    },
    required: ['amount', 'authorizationId', 'expiresAt'],
    additionalProperties: false,
  },
  PaymentPending: {
    type: 'object',
    properties: {
      authorizationId: {
        type: 'string',
      },
      amount: {
        type: 'number',
      },
      deadline: {
        type: 'string',
      },
    },
    required: ['amount', 'authorizationId', 'deadline'],
    additionalProperties: false,
  },
  PaymentDeclined: {
    type: 'object',
    properties: {
      authorizationId: {
        type: 'string',
      },
      code: {
        type: 'string',
      },
    },
    required: ['code'],
    additionalProperties: false,
  },
  PaymentTimedOut: {
    type: 'object',
    properties: {
      authorizationId: {
        type: 'string',
      },
    },
    required: ['authorizationId'],
    additionalProperties: false,
  },
  AuthorizationExpired: {
    type: 'object',
    properties: {
      authorizationId: {
        type: 'string',
      },
    },
    required: ['authorizationId'],
    additionalProperties: false,
  },
  AuthorizationVoided: {
    type: 'object',
    properties: {
      authorizationId: {
        type: 'string',
      },
      amount: {
        type: 'number',
      },
    },
    required: ['amount', 'authorizationId'],
    additionalProperties: false,
  },
  PaymentCaptured: {
    type: 'object',
    properties: {
      captureId: {
        type: 'string',
      },
      shipmentId: {
        type: 'string',
      },
      authorizationId: {
        type: 'string',
      },
      amount: {
        type: 'number',
      },
    },
    required: ['amount', 'authorizationId', 'captureId', 'shipmentId'],
    additionalProperties: false,
  },
  CaptureDeclined: {
    type: 'object',
    properties: {
      shipmentId: {
        type: 'string',
      },
      amount: {
        type: 'number',
      },
      code: {
        type: 'string',
      },
    },
    required: ['amount', 'code', 'shipmentId'],
    additionalProperties: false,
  },
  CaptureRequested: {
    type: 'object',
    properties: {
      payment: {
        type: 'object',
        properties: {
          method: {
            type: 'string',
          },
        },
        required: ['method'],
        additionalProperties: false,
      },
    },
    required: [],
    additionalProperties: false,
  },
  CaptureWrittenOff: {
    type: 'object',
    properties: {
      amount: {
        type: 'number',
      },
      reason: {
        type: 'string',
      },
    },
    required: ['amount', 'reason'],
    additionalProperties: false,
  },
  PaymentRefunded: {
    type: 'object',
    properties: {
      refundId: {
        type: 'string',
      },
      captureId: {
        type: 'string',
      },
      amount: {
        type: 'number',
      },
    },
    required: ['amount', 'captureId', 'refundId'],
    additionalProperties: false,
  },
  OrderConfirmed: {
    type: 'object',
    properties: {},
    required: [],
    additionalProperties: false,
  },
  OrderRejected: {
    type: 'object',
    properties: {
      reason: {
        enum: ['out_of_stock', 'payment_declined'],
      },
      detail: {
        type: 'string',
      },
    },
    required: ['detail', 'reason'],
    additionalProperties: false,
  },
  OrderExpired: {
    type: 'object',
    properties: {},
    required: [],
    additionalProperties: false,
  },
  OrderHeld: {
    type: 'object',
    properties: {
      cause: {
        enum: ['capture_declined', 'command'],
      },
      reason: {
        type: 'string',
      },
    },
    required: ['cause', 'reason'],
    additionalProperties: false,
  },
  OrderReleased: {
    type: 'object',
    properties: {
      cause: {
        enum: ['capture_declined', 'command'],
      },
    },
    required: ['cause'],
    additionalProperties: false,
  },
  OrderCancelled: {
    type: 'object',
    properties: {
      reason: {
        type: 'string',
      },
      lines: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            sku: {
              type: 'string',
            },
            quantity: {
              type: 'number',
            },
          },
          required: ['quantity', 'sku'],
          additionalProperties: false,
        },
      },
    },
    required: ['lines', 'reason'],
    additionalProperties: false,
  },
  AmendmentRequested: {
    type: 'object',
    properties: {
      lines: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            sku: {
              type: 'string',
            },
            quantity: {
              type: 'number',
            },
            unitPrice: {
              type: 'number',
            },
            name: {
              type: 'string',
            },
          },
          required: ['quantity', 'sku', 'unitPrice'],
          additionalProperties: false,
        },
      },
      total: {
        type: 'number',
      },
      shippingAddress: {
        type: 'object',
        properties: {
          name: {
            type: 'string',
          },
          street: {
            type: 'string',
          },
          city: {
            type: 'string',
          },
          postalCode: {
            type: 'string',
          },
          region: {
            type: 'string',
          },
          country: {
            type: 'string',
          },
        },
        required: ['city', 'country', 'street'],
        additionalProperties: false,
      },
    },
    required: [],
    additionalProperties: false,
  },
  OrderAmended: {
    type: 'object',
    properties: {},
    required: [],
    additionalProperties: false,
  },
  AmendmentRefused: {
    type: 'object',
    properties: {
      reason: {
        enum: ['out_of_stock', 'payment_declined', 'payment_timed_out'],
      },
      detail: {
        type: 'string',
      },
    },
    required: ['detail', 'reason'],
    additionalProperties: false,
  },
  ShipmentCreated: {
    type: 'object',
    properties: {
      shipmentId: {
        type: 'string',
      },
      lines: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            sku: {
              type: 'string',
            },
            quantity: {
              type: 'number',
            },
          },
          required: ['quantity', 'sku'],
          additionalProperties: false,
        },
      },
    },
    required: ['lines', 'shipmentId'],
    additionalProperties: false,
  },
  LabelRequested: {
    type: 'object',
    properties: {
      shipmentId: {
        type: 'string',
      },
      carrier: {
        type: 'string',
      },
    },
    required: ['shipmentId'],
    additionalProperties: false,
  },
  LabelBooked: {
    type: 'object',
    properties: {
      shipmentId: {
        type: 'string',
      },
      carrier: {
        type: 'string',
      },
      trackingNumber: {
        type: 'string',
      },
      labelUrl: {
        type: 'string',
      },
    },
    required: ['carrier', 'shipmentId', 'trackingNumber'],
    additionalProperties: false,
  },
  LabelRefused: {
    type: 'object',
    properties: {
      shipmentId: {
        type: 'string',
      },
      code: {
        type: 'string',
      },
    },
    required: ['code', 'shipmentId'],
    additionalProperties: false,
  },
  ShipmentDispatched: {
    type: 'object',
    properties: {
      shipmentId: {
        type: 'string',
      },
      carrier: {
        type: 'string',
      },
      trackingNumber: {
        type: 'string',
      },
      amount: {
        type: 'number',
      },
    },
    required: ['amount', 'carrier', 'shipmentId', 'trackingNumber'],
    additionalProperties: false,
  },
  ShipmentDelivered: {
    type: 'object',
    properties: {
      shipmentId: {
        type: 'string',
      },
    },
    required: ['shipmentId'],
    additionalProperties: false,
  },
  ReturnRequested: {
    type: 'object',
    properties: {
      returnId: {
        type: 'string',
      },
      lines: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            sku: {
              type: 'string',
            },
            quantity: {
              type: 'number',
            },
          },
          required: ['quantity', 'sku'],
          additionalProperties: false,
        },
      },
      reason: {
        type: 'string',
      },
    },
    required: ['lines', 'reason', 'returnId'],
    additionalProperties: false,
  },
  ReturnReceived: {
    type: 'object',
    properties: {
      returnId: {
        type: 'string',
      },
    },
    required: ['returnId'],
    additionalProperties: false,
  },
  RefundRequested: {
    type: 'object',
    properties: {
      refundId: {
        type: 'string',
      },
      amount: {
        type: 'number',
      },
      reason: {
        type: 'string',
      },
      returnId: {
        type: 'string',
      },
    },
    required: ['amount', 'reason', 'refundId'],
    additionalProperties: false,
  },
  OrderCompleted: {
    type: 'object',
    properties: {
      returnsUntil: {
        type: 'string',
      },
    },
    required: ['returnsUntil'],
    additionalProperties: false,
  },
  OrderClosed: {
    type: 'object',
    properties: {},
    required: [],
    additionalProperties: false,
  },
  OrderResumed: {
    type: 'object',
    properties: {
      reason: {
        type: 'string',
      },
      previousRunId: {
        type: 'string',
      },
    },
    required: ['reason'],
    additionalProperties: false,
  },
  PersonForgotten: {
    type: 'object',
    properties: {
      customerId: {
        type: 'string',
      },
      keys: {
        type: 'array',
        items: {
          type: 'string',
        },
      },
      reason: {
        type: 'string',
      },
      lawfulBasis: {
        type: 'string',
      },
    },
    required: ['customerId', 'keys', 'reason'],
    additionalProperties: false,
  },
  NoteAdded: {
    type: 'object',
    properties: {
      text: {
        type: 'string',
      },
    },
    required: ['text'],
    additionalProperties: false,
  },
  CommandRejected: {
    type: 'object',
    properties: {
      command: {
        type: 'string',
      },
      code: {
        type: 'string',
      },
      message: {
        type: 'string',
      },
    },
    required: ['code', 'command', 'message'],
    additionalProperties: false,
  },
  FactReceived: {
    type: 'object',
    properties: {
      fact: {
        enum: ['PaymentSettled', 'ShipmentDelivered', 'ShipmentDispatched'],
      },
      data: {
        anyOf: [
          {
            type: 'object',
            properties: {
              reference: {
                type: 'string',
              },
              authorizationId: {
                type: 'string',
              },
              outcome: {
                enum: ['authorized', 'declined'],
              },
              code: {
                type: 'string',
              },
            },
            required: ['authorizationId', 'outcome', 'reference'],
            additionalProperties: false,
          },
          {
            type: 'object',
            properties: {
              shipmentId: {
                type: 'string',
              },
              carrier: {
                type: 'string',
              },
              trackingNumber: {
                type: 'string',
              },
            },
            required: ['carrier', 'shipmentId', 'trackingNumber'],
            additionalProperties: false,
          },
          {
            type: 'object',
            properties: {
              shipmentId: {
                type: 'string',
              },
            },
            required: ['shipmentId'],
            additionalProperties: false,
          },
        ],
      },
      reason: {
        type: 'string',
      },
    },
    required: ['data', 'fact', 'reason'],
    additionalProperties: false,
  },
  FactUnmatched: {
    type: 'object',
    properties: {
      factId: {
        type: 'string',
      },
      fact: {
        enum: ['PaymentSettled', 'ShipmentDelivered', 'ShipmentDispatched'],
      },
      reason: {
        enum: ['order_ended', 'waited_too_long'],
      },
    },
    required: ['fact', 'factId', 'reason'],
    additionalProperties: false,
  },
};
