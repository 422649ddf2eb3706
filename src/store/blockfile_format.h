/* blockfile_format.h - the numbers that the reader and the writer of block files share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RSI_STORE_BLOCKFILE_FORMAT_H
#define RSI_STORE_BLOCKFILE_FORMAT_H

#define RSI_HEADER_MAGIC      "RSBLOCKS"
#define RSI_FOOTER_MAGIC      "RSFOOTER"
#define RSI_BLOCKFILE_VERSION 3
#define RSI_HEADER_BYTES      32
#define RSI_FOOTER_BYTES      40
#define RSI_ENTRY_BYTES_MIN   14 /* length u32, checksum u64, note length u16 */

#endif
