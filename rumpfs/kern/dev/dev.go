// Package dev is the device switch of a rump process: which driver serves a device node, by its kind and major number;
// and the drivers that need nothing but the host: null and zero, randomness, files of the host as disks.
package dev

import (
	"context"
	"sync"
	"syscall"

	"rump/rumpfs/vfs"
)

// A Driver serves all device nodes of one major number.
type Driver interface {
	// Open opens a unit. ENXIO if there is none of that minor number. Who opens twice gets two Devices.
	Open(ctx context.Context, minor uint32, o OpenOptions) (Device, error)
}

// OpenOptions say how a device node is opened.
type OpenOptions struct {
	Kind  vfs.Kind // KindBlock or KindChar
	Write bool
}

// A Device is an open unit. All methods may be called concurrently until Close.
type Device interface {
	// Read reads at off, as far as there is anything; a stream ignores off. 0 at the end.
	Read(ctx context.Context, p []byte, off int64) (int, error)

	// Write writes at off. A count that is short comes with an error.
	Write(ctx context.Context, p []byte, off int64) (int, error)

	// Close ends this open. Nothing else is under way.
	Close() error
}

// A Syncer is a Device whose writes can be made durable.
type Syncer interface{ Sync() error }

// A Refuser is a Device that says how it answers ioctls that are none of its own; ENOTTY without.
type Refuser interface{ Refusal() error }

// A Switch finds drivers. All methods may be called concurrently.
type Switch struct {
	mu      sync.RWMutex
	drivers map[entry]Driver
}

type entry struct {
	kind  vfs.Kind
	major uint32
}

// Add makes a driver known; EEXIST if the number is taken.
func (s *Switch) Add(kind vfs.Kind, major uint32, d Driver) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := entry{kind, major}
	if s.drivers[e] != nil {
		return syscall.EEXIST
	}
	if s.drivers == nil {
		s.drivers = make(map[entry]Driver)
	}
	s.drivers[e] = d
	return nil
}

// Open opens what a device node stands for; ENXIO if that is nothing.
func (s *Switch) Open(ctx context.Context, kind vfs.Kind, rdev vfs.Dev, write bool) (Device, error) {
	s.mu.RLock()
	d := s.drivers[entry{kind, rdev.Major}]
	s.mu.RUnlock()
	if d == nil {
		return nil, syscall.ENXIO
	}
	return d.Open(ctx, rdev.Minor, OpenOptions{Kind: kind, Write: write})
}

// Units is a driver whose units are functions that open them, by minor number.
type Units map[uint32]func() Device

// Open opens a unit.
func (u Units) Open(_ context.Context, minor uint32, _ OpenOptions) (Device, error) {
	open := u[minor]
	if open == nil {
		return nil, syscall.ENXIO
	}
	return open(), nil
}
