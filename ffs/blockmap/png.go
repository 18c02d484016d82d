package blockmap

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
)

// pngScale is how many pixels of a PNG a pixel of the layout has on a side.
const pngScale = 2

// PNG draws the map as a picture of 2400 pixels width.
func (m *Map) PNG(w io.Writer) error {
	p := newPage(m)
	img := image.NewNRGBA(image.Rect(0, 0, pageWidth*pngScale, p.height()*pngScale))
	draw.Draw(img, img.Rect, image.NewUniform(paper), image.Point{}, draw.Src)
	p.draw(&raster{img})
	enc := png.Encoder{CompressionLevel: png.BestSpeed}
	return enc.Encode(w, img)
}

// raster draws on pixels.
type raster struct{ img *image.NRGBA }

func (r *raster) fill(x, y, w, h int, c color.NRGBA) {
	draw.Draw(r.img, image.Rect(x, y, x+w, y+h), image.NewUniform(c), image.Point{}, draw.Src)
}

func (r *raster) rect(x, y, w, h int, c color.NRGBA) {
	r.fill(x*pngScale, y*pngScale, w*pngScale, h*pngScale, c)
}

func (r *raster) grid(x, y, w, h, step int) {
	for i := step; i <= w; i += step {
		r.fill((x+i)*pngScale-pngScale, y*pngScale, pngScale, h*pngScale, paper)
	}
	for i := step; i <= h; i += step {
		r.fill(x*pngScale, (y+i)*pngScale-pngScale, w*pngScale, pngScale, paper)
	}
}

func (r *raster) text(x, y int, size float64, style textStyle, c color.NRGBA, text string) {
	at := float64(x) * pngScale
	if style&right != 0 {
		at -= textWidth(text, size*pngScale)
	}
	drawText(r.img, at, float64(y)*pngScale, size*pngScale, style&bold != 0, c, text)
}
