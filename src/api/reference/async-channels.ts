/** Some channels of the document, and what is sent or received there. */
export interface AsyncChannels {
  readonly channels: Readonly<Record<string, object>>;
  readonly operations: Readonly<Record<string, object>>;
  readonly messages: Readonly<Record<string, object>>;
}
