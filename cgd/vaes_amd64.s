//go:build !purego

#include "textflag.h"

// The same as in aes_amd64.s with the instructions that do four blocks each (VAES, AVX-512): Z0 to Z3 are sixteen blocks.

#define LOAD16(p) \
	VMOVDQU64 0(p), Z0   \
	VMOVDQU64 64(p), Z1  \
	VMOVDQU64 128(p), Z2 \
	VMOVDQU64 192(p), Z3

#define STORE16(p) \
	VMOVDQU64 Z0, 0(p)   \
	VMOVDQU64 Z1, 64(p)  \
	VMOVDQU64 Z2, 128(p) \
	VMOVDQU64 Z3, 192(p)

#define EACH4(op) \
	op Z8, Z0, Z0 \
	op Z8, Z1, Z1 \
	op Z8, Z2, Z2 \
	op Z8, Z3, Z3

// The cipher on Z0 to Z3. AX is the key, BX the rounds; CX walks over the round keys, DX counts the rounds.
#define CIPHER16(round, last, label) \
	VBROADCASTI32X4 (AX), Z8 \
	EACH4(VPXORQ)            \
	LEAQ 16(AX), CX          \
	LEAQ -1(BX), DX          \
label:                       \
	VBROADCASTI32X4 (CX), Z8 \
	EACH4(round)             \
	ADDQ $16, CX             \
	DECQ DX                  \
	JNZ  label               \
	VBROADCASTI32X4 (CX), Z8 \
	EACH4(last)

#define ARGS16 \
	MOVQ key+0(FP), AX     \
	MOVQ rounds+8(FP), BX  \
	MOVQ dst+16(FP), DI    \
	MOVQ src+24(FP), SI    \
	MOVQ groups+32(FP), R8

#define NEXT16(label) \
	ADDQ $256, SI \
	ADDQ $256, DI \
	DECQ R8       \
	JNZ  label

// func cpuHasVAES() bool
//
// The processor has VAES, VPCLMULQDQ and AVX-512 F, DQ, BW, VL, and the system keeps all of their registers.
TEXT ·cpuHasVAES(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)
	XORL AX, AX
	XORL CX, CX
	CPUID
	CMPL AX, $7
	JLT  no
	MOVL $1, AX
	XORL CX, CX
	CPUID
	BTL  $27, CX // OSXSAVE
	JCC  no
	XORL CX, CX
	XGETBV
	ANDL $0xe6, AX
	CMPL AX, $0xe6
	JNE  no
	MOVL $7, AX
	XORL CX, CX
	CPUID
	ANDL $0xc0030000, BX
	CMPL BX, $0xc0030000
	JNE  no
	ANDL $0x600, CX
	CMPL CX, $0x600
	JNE  no
	MOVB $1, ret+0(FP)
no:
	RET

// func cbcDecrypt16(key *uint32, rounds int, dst, src *byte, groups int, iv *byte)
//
// The last lane of Z9 is the ciphertext before the group.
TEXT ·cbcDecrypt16(SB), NOSPLIT, $0-48
	ARGS16
	MOVQ iv+40(FP), R9
	VBROADCASTI32X4 (R9), Z9

group:
	LOAD16(SI)
	VALIGNQ $6, Z9, Z0, Z10
	VMOVDQA64 Z3, Z9
	CIPHER16(VAESDEC, VAESDECLAST, round)
	VPXORQ Z10, Z0, Z0
	VPXORQ 48(SI), Z1, Z1
	VPXORQ 112(SI), Z2, Z2
	VPXORQ 176(SI), Z3, Z3
	STORE16(DI)
	NEXT16(group)
	VZEROUPPER
	RET

// What falls out of a tweak that is multiplied by x to the fourth comes back as this, and the lower half's into the
// upper half.
DATA xtsWide<>+0(SB)/8, $0x87
DATA xtsWide<>+8(SB)/8, $0
GLOBL xtsWide<>(SB), RODATA|NOPTR, $16

DATA xtsUpper<>+0(SB)/8, $0
DATA xtsUpper<>+8(SB)/8, $-1
GLOBL xtsUpper<>(SB), RODATA|NOPTR, $16

// to is from times x to the fourth, each of four tweaks by itself. Z16 is xtsWide, Z17 xtsUpper.
#define TIMES16(from, to) \
	VPSRLQ     $60, from, Z13       \
	VPSHUFD    $0x4e, Z13, Z13      \
	VPSLLQ     $4, from, to         \
	VPCLMULQDQ $0, Z16, Z13, Z14    \
	VPANDQ     Z17, Z13, Z13        \
	VPTERNLOGQ $0x96, Z13, Z14, to

// X9 is a tweak: keep it at place i of the frame and go on to the next one. X11 is the carry of a single multiplication.
#define FIRST(i) \
	VMOVDQU X9, t-(64-i*16)(SP)  \
	VPSHUFD $0x13, X9, X10       \
	VPSRAD  $31, X10, X10        \
	VPAND   X11, X10, X10        \
	VPADDQ  X9, X9, X9           \
	VPXOR   X10, X9, X9

// Z9 to Z12 are the tweaks of a group.
#define XTS16(round, last) \
	ARGS16                             \
	MOVQ tweak+40(FP), R9              \
	VMOVDQU (R9), X9                   \
	VMOVDQU xtsStep<>(SB), X11         \
	VBROADCASTI32X4 xtsWide<>(SB), Z16 \
	VBROADCASTI32X4 xtsUpper<>(SB), Z17 \
	FIRST(0)                           \
	FIRST(1)                           \
	FIRST(2)                           \
	FIRST(3)                           \
	VMOVDQU64 t-64(SP), Z9             \
group:                                 \
	TIMES16(Z9, Z10)                   \
	TIMES16(Z10, Z11)                  \
	TIMES16(Z11, Z12)                  \
	VPXORQ 0(SI), Z9, Z0               \
	VPXORQ 64(SI), Z10, Z1             \
	VPXORQ 128(SI), Z11, Z2            \
	VPXORQ 192(SI), Z12, Z3            \
	CIPHER16(round, last, next)        \
	VPXORQ Z9, Z0, Z0                  \
	VPXORQ Z10, Z1, Z1                 \
	VPXORQ Z11, Z2, Z2                 \
	VPXORQ Z12, Z3, Z3                 \
	STORE16(DI)                        \
	TIMES16(Z12, Z9)                   \
	NEXT16(group)                      \
	VZEROUPPER                         \
	RET

DATA xtsStep<>+0(SB)/8, $0x87
DATA xtsStep<>+8(SB)/8, $1
GLOBL xtsStep<>(SB), RODATA|NOPTR, $16

// func xtsEncrypt16(key *uint32, rounds int, dst, src *byte, groups int, tweak *byte)
TEXT ·xtsEncrypt16(SB), NOSPLIT, $64-48
	XTS16(VAESENC, VAESENCLAST)

// func xtsDecrypt16(key *uint32, rounds int, dst, src *byte, groups int, tweak *byte)
TEXT ·xtsDecrypt16(SB), NOSPLIT, $64-48
	XTS16(VAESDEC, VAESDECLAST)
