//go:build !purego

#include "textflag.h"

// Registers: X0 to X7 are eight blocks, X8 a round key. AX is the key, BX the rounds, DI and SI where to and from.

// Every function begins with these arguments.
#define ARGS \
	MOVQ key+0(FP), AX \
	MOVQ rounds+8(FP), BX

#define LOAD8(p) \
	MOVOU 0(p), X0   \
	MOVOU 16(p), X1  \
	MOVOU 32(p), X2  \
	MOVOU 48(p), X3  \
	MOVOU 64(p), X4  \
	MOVOU 80(p), X5  \
	MOVOU 96(p), X6  \
	MOVOU 112(p), X7

#define STORE8(p) \
	MOVOU X0, 0(p)   \
	MOVOU X1, 16(p)  \
	MOVOU X2, 32(p)  \
	MOVOU X3, 48(p)  \
	MOVOU X4, 64(p)  \
	MOVOU X5, 80(p)  \
	MOVOU X6, 96(p)  \
	MOVOU X7, 112(p)

// XOR of eight blocks of memory at p, through X8.
#define XORMEM8(p) \
	MOVOU 0(p), X8   \
	PXOR X8, X0      \
	MOVOU 16(p), X8  \
	PXOR X8, X1      \
	MOVOU 32(p), X8  \
	PXOR X8, X2      \
	MOVOU 48(p), X8  \
	PXOR X8, X3      \
	MOVOU 64(p), X8  \
	PXOR X8, X4      \
	MOVOU 80(p), X8  \
	PXOR X8, X5      \
	MOVOU 96(p), X8  \
	PXOR X8, X6      \
	MOVOU 112(p), X8 \
	PXOR X8, X7

#define EACH8(op) \
	op X8, X0 \
	op X8, X1 \
	op X8, X2 \
	op X8, X3 \
	op X8, X4 \
	op X8, X5 \
	op X8, X6 \
	op X8, X7

// The cipher on X0 to X7. CX walks over the round keys, DX counts the rounds.
#define CIPHER8(round, last, label) \
	MOVOU (AX), X8        \
	EACH8(PXOR)           \
	LEAQ  16(AX), CX      \
	LEAQ  -1(BX), DX      \
label:                    \
	MOVOU (CX), X8        \
	EACH8(round)          \
	ADDQ  $16, CX         \
	DECQ  DX              \
	JNZ   label           \
	MOVOU (CX), X8        \
	EACH8(last)

// func cpuHasAES() bool
TEXT ·cpuHasAES(SB), NOSPLIT, $0-1
	MOVL $1, AX
	XORL CX, CX
	CPUID
	SHRL $25, CX
	ANDL $1, CX
	MOVB CX, ret+0(FP)
	RET

// func subWord(w uint32) uint32
TEXT ·subWord(SB), NOSPLIT, $0-12
	MOVL w+0(FP), AX
	MOVQ AX, X0
	PSHUFD $0, X0, X0
	AESKEYGENASSIST $0, X0, X0
	MOVQ X0, AX
	MOVL AX, ret+8(FP)
	PXOR X0, X0
	RET

// func invMixColumns(dst, src *uint32)
TEXT ·invMixColumns(SB), NOSPLIT, $0-16
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVOU (SI), X0
	AESIMC X0, X0
	MOVOU X0, (DI)
	PXOR X0, X0
	RET

// func aesEncrypt8(key *uint32, rounds int, p *[128]byte)
TEXT ·aesEncrypt8(SB), NOSPLIT, $0-24
	ARGS
	MOVQ p+16(FP), DI
	LOAD8(DI)
	CIPHER8(AESENC, AESENCLAST, round)
	STORE8(DI)
	RET

// func cbcDecrypt8(key *uint32, rounds int, dst, src *byte, groups int, iv *byte)
//
// X9 is the ciphertext before the group. A group's own is read again to be added, before the group is stored over it.
TEXT ·cbcDecrypt8(SB), NOSPLIT, $0-48
	ARGS
	MOVQ dst+16(FP), DI
	MOVQ src+24(FP), SI
	MOVQ groups+32(FP), R8
	MOVQ iv+40(FP), R9
	MOVOU (R9), X9

group:
	LOAD8(SI)
	CIPHER8(AESDEC, AESDECLAST, round)
	PXOR  X9, X0
	MOVOU 0(SI), X10
	PXOR  X10, X1
	MOVOU 16(SI), X11
	PXOR  X11, X2
	MOVOU 32(SI), X12
	PXOR  X12, X3
	MOVOU 48(SI), X13
	PXOR  X13, X4
	MOVOU 64(SI), X14
	PXOR  X14, X5
	MOVOU 80(SI), X10
	PXOR  X10, X6
	MOVOU 96(SI), X11
	PXOR  X11, X7
	MOVOU 112(SI), X9
	STORE8(DI)
	ADDQ  $128, SI
	ADDQ  $128, DI
	DECQ  R8
	JNZ   group
	RET

// Message i of cbcEncrypt8 goes on: x is its last ciphertext, which takes in the next block.
#define TAKE(i, x) \
	MOVQ  (i*8)(R9), R10     \
	MOVOU (SI)(R10*1), X8    \
	PXOR  X8, x

#define GIVE(i, x) \
	MOVQ  (i*8)(R9), R10     \
	MOVOU x, (DI)(R10*1)

// func cbcEncrypt8(key *uint32, rounds int, dst, src *byte, blocks int, at *[8]int, ivs *[128]byte)
TEXT ·cbcEncrypt8(SB), NOSPLIT, $0-56
	ARGS
	MOVQ dst+16(FP), DI
	MOVQ src+24(FP), SI
	MOVQ blocks+32(FP), R8
	MOVQ at+40(FP), R9
	MOVQ ivs+48(FP), R11
	LOAD8(R11)

block:
	TAKE(0, X0)
	TAKE(1, X1)
	TAKE(2, X2)
	TAKE(3, X3)
	TAKE(4, X4)
	TAKE(5, X5)
	TAKE(6, X6)
	TAKE(7, X7)
	CIPHER8(AESENC, AESENCLAST, round)
	GIVE(0, X0)
	GIVE(1, X1)
	GIVE(2, X2)
	GIVE(3, X3)
	GIVE(4, X4)
	GIVE(5, X5)
	GIVE(6, X6)
	GIVE(7, X7)
	ADDQ $16, SI
	ADDQ $16, DI
	DECQ R8
	JNZ  block
	RET

// The polynomial of XTS where the top bit falls out, and the carry from the lower half to the upper one.
DATA xtsCarry<>+0(SB)/8, $0x87
DATA xtsCarry<>+8(SB)/8, $1
GLOBL xtsCarry<>(SB), RODATA|NOPTR, $16

// X9 is a tweak: keep it at place i of the frame and go on to the next one. X11 is xtsCarry.
#define TWEAK(i) \
	MOVOU  X9, t-(128-i*16)(SP) \
	PSHUFD $0x13, X9, X10       \
	PSRAL  $31, X10             \
	PAND   X11, X10             \
	PADDQ  X9, X9               \
	PXOR   X10, X9

#define TWEAK8 \
	TWEAK(0) \
	TWEAK(1) \
	TWEAK(2) \
	TWEAK(3) \
	TWEAK(4) \
	TWEAK(5) \
	TWEAK(6) \
	TWEAK(7)

#define XTS(round, last) \
	ARGS                        \
	MOVQ  dst+16(FP), DI        \
	MOVQ  src+24(FP), SI        \
	MOVQ  groups+32(FP), R8     \
	MOVQ  tweak+40(FP), R9      \
	MOVOU (R9), X9              \
	MOVOU xtsCarry<>(SB), X11   \
	LEAQ  t-128(SP), R9         \
group:                          \
	TWEAK8                      \
	LOAD8(SI)                   \
	XORMEM8(R9)                 \
	CIPHER8(round, last, next)  \
	XORMEM8(R9)                 \
	STORE8(DI)                  \
	ADDQ  $128, SI              \
	ADDQ  $128, DI              \
	DECQ  R8                    \
	JNZ   group                 \
	RET

// func xtsEncrypt8(key *uint32, rounds int, dst, src *byte, groups int, tweak *byte)
TEXT ·xtsEncrypt8(SB), NOSPLIT, $128-48
	XTS(AESENC, AESENCLAST)

// func xtsDecrypt8(key *uint32, rounds int, dst, src *byte, groups int, tweak *byte)
TEXT ·xtsDecrypt8(SB), NOSPLIT, $128-48
	XTS(AESDEC, AESDECLAST)
