export { type OutgoingSegment, outgoingSegment, type SegmentSender, writeSegment } from './outgoing-segment.ts';
export { TcpConnection, type TcpEnd, type TcpEvents, type TcpOwner, type TcpSettings } from './tcp-connection.ts';
export { emptySegment, readSegment, TCP_HEADER_BYTES, TcpFlag, type TcpSegment } from './tcp-segment.ts';
